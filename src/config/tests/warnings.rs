//! Settings that are accepted although they hardly do what was meant.

use super::Given;

const HOP: &str = "roleArn: arn:aws:iam::111122223333:role/r";
const MFA: &str = "mfa: {serialNumber: arn:aws:iam::111122223333:mfa/d, totpSecretFile: /s}";

fn warnings(profile: &str) -> Vec<String> {
    Given::file(&format!("region: r\nprofiles: {{p: {profile}}}"))
        .loaded()
        .warnings
}

#[test]
fn a_federated_user_without_a_policy_is_told_of() {
    let of = |more: &str| {
        warnings(&format!(
            "{{federationToken: {{credentialsFile: /c, name: joe{more}}}}}"
        ))
    };
    let said = of("");
    assert!(
        said.len() == 1 && said[0].starts_with("profiles.p.federationToken has neither policy"),
        "{said:?}"
    );
    assert_eq!(
        of(", policyArns: [arn:aws:iam::aws:policy/ReadOnlyAccess]"),
        [""; 0]
    );
}

#[test]
fn a_device_behind_a_roles_session_is_told_of() {
    let of = |source: &str, chain: &str| warnings(&format!("{{{source}, chain: [{chain}]}}"));
    let keys = "accessKey: {credentialsFile: /c}";
    let with_device = format!("{{{HOP}, {MFA}}}");
    assert_eq!(of(keys, &with_device), [""; 0]);
    assert_eq!(
        of("sessionToken: {credentialsFile: /c}", &with_device),
        [""; 0]
    );
    for said in [
        of("webIdentity: {}", &with_device),
        of(keys, &format!("{{{HOP}}}, {with_device}")),
    ] {
        assert!(
            said.len() == 1 && said[0].contains(".mfa is behind a role's session"),
            "{said:?}"
        );
    }
}
