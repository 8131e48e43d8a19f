//! How short-lived commands find the agent, and which client they ask for.

use std::path::Path;

use super::{Access, AdminListen, Given};

#[test]
fn commands_that_ask_the_agent_find_it_by_the_same_settings() {
    let mut given =
        Given::file("region: r\nadminListen: '[::]:7'\nprofiles: {default: {webIdentity: {}}}");
    assert_eq!(
        given
            .with(AdminListen::load)
            .expect("an address")
            .address
            .port(),
        7
    );
    given
        .variables
        .insert("STSIDECAR_ADMIN_LISTEN", "localhost:8");
    assert_eq!(
        given
            .with(AdminListen::load)
            .expect("an address")
            .address
            .port(),
        8
    );
    assert!(
        given
            .with(|sources| Access::load(sources, None))
            .expect("one client")
            .token_file
            .ends_with("endpoints/default/token")
    );
    given.file = "region: r\nprofiles: {a: {webIdentity: {}}, b: {webIdentity: {}}}";
    let error = given
        .with(|sources| Access::load(sources, None))
        .expect_err("ambiguous")
        .to_string();
    assert!(
        error.starts_with("clients: there are several (a, b) and none is named default"),
        "{error}"
    );
    given.flags.set("authorization-token-file", "/b".to_owned());
    assert_eq!(
        given
            .with(|sources| Access::load(sources, None))
            .expect("chosen")
            .token_file,
        Path::new("/b")
    );
}

/// A ConfigMap that was edited for the worse must not hide the agent that runs by what was before.
#[test]
fn what_is_wrong_with_a_profile_keeps_no_command_from_the_agent() {
    let mut given = Given::file(
        "region: r\nadminListen: '[::]:7'\nprofiles: {default: {webIdentity: {sessionName: 'a b'}}}",
    );
    assert!(given.load().is_err(), "it is wrong");
    let admin = given.with(AdminListen::load).expect("an address");
    assert_eq!(admin.address.port(), 7);
    given.flags.set("authorization-token-file", "/b".to_owned());
    let access = given.with(|sources| Access::load(sources, None));
    assert_eq!(access.expect("chosen").token_file, Path::new("/b"));
}
