//! What is around the agent: variables that would compete with it, and the files that it will
//! write.
//!
//! It looks only: nothing is made or changed, so that a running agent notices nothing. What it says
//! about application containers is an inference, because only this container's variables can be
//! seen.

use std::path::Path;

use rustix::fs::{Access, access};

use crate::config::Client;
use crate::finding::Finding;
use crate::{authorization, process, state};

/// Variables by which an SDK takes other credentials, before it asks our endpoint.
const COMPETITORS: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_PROFILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];

/// Where EKS's own webhook mounts its token
/// (<https://github.com/aws/amazon-eks-pod-identity-webhook>).
const EKS_TOKENS: &str = "/var/run/secrets/eks.amazonaws.com/";

/// Which of the variables here matter. The agent itself is led astray by none of them.
pub(super) fn environment(variable: &dyn Fn(&str) -> Option<String>) -> Vec<Finding> {
    const NAME: &str = "environment";
    let is_set = |name: &&str| variable(name).is_some_and(|value| !value.is_empty());
    let set: Vec<&str> = COMPETITORS.into_iter().filter(is_set).collect();
    let mut found = Vec::new();
    if !set.is_empty() {
        let message = format!(
            "{} set here: the agent ignores it, but an SDK in an application container would not",
            set.join(", ")
        );
        found.push(Finding::warning(
            NAME,
            message,
            "see that no application container has it",
        ));
    }
    if variable("AWS_WEB_IDENTITY_TOKEN_FILE").is_some_and(|file| file.starts_with(EKS_TOKENS)) {
        let message = "EKS's webhook has set AWS_WEB_IDENTITY_TOKEN_FILE, in the application containers too: there it wins";
        let fix = "label the pod eks.amazonaws.com/skip-pod-identity-webhook: \"true\"";
        found.push(Finding::warning(NAME, message, fix));
    }
    if found.is_empty() {
        found.push(Finding::ok(
            NAME,
            "no variable here competes with the agent's credentials",
        ));
    }
    found
}

/// Whether a client's token file is there, or can be made when the agent starts.
pub(super) fn client(client: &Client) -> Finding {
    let name = format!("client {}", client.name);
    let file = client.token_file.display();
    let directory = client.token_file.parent().unwrap_or(Path::new("/"));
    if client.authorization_token.is_some() {
        let message =
            format!("its token is in the pod's specification (legacy clients), and in {file}");
        return Finding::warning(
            &name,
            message,
            "update the client's SDK and remove stsidecar.dev/legacy-clients",
        );
    }
    if authorization::is_kept(&client.token_file) {
        return Finding::ok(&name, format!("{file} holds its token"));
    }
    match writable(directory) {
        Ok(()) => Finding::ok(&name, format!("{file} will be made when the agent starts")),
        Err(problem) => {
            let fix = "mount a volume there that the agent can write (emptyDir, medium Memory)";
            Finding::failure(&name, format!("{file} cannot be made: {problem}"), fix)
        }
    }
}

/// Whether credentials can be kept for the process that comes after a crash.
pub(super) fn state_directory(configured: Option<&Path>) -> Finding {
    const NAME: &str = "state directory";
    let Some(path) = configured else {
        return Finding::ok(NAME, "none is set: after a crash the agent asks STS again");
    };
    let shown = path.display();
    if let Err(problem) = writable(&state::own_directory(path)) {
        let fix = "mount a volume there that the agent can write (emptyDir, medium Memory)";
        return Finding::failure(NAME, format!("{shown} cannot be used: {problem}"), fix);
    }
    let existing = nearest(path);
    if !state::is_in_memory(existing) {
        let message = format!("{shown} is not in memory: credentials would be written to a disk");
        return Finding::warning(NAME, message, "use an emptyDir with medium Memory");
    }
    Finding::ok(NAME, format!("{shown} is in memory and writable"))
}

/// Whether files can be made in a directory, which itself may have to be made.
fn writable(directory: &Path) -> Result<(), String> {
    let existing = nearest(directory);
    if !existing.is_dir() {
        return Err(format!("{} is not a directory", existing.display()));
    }
    access(existing, Access::WRITE_OK | Access::EXEC_OK).map_err(|errno| {
        format!(
            "{} is not writable for uid {}: {errno}",
            existing.display(),
            process::uid()
        )
    })
}

/// The directory, or what is there of the way to it.
fn nearest(directory: &Path) -> &Path {
    directory
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::assume::ProfileName;
    use crate::credentials::Secret;

    fn lines(variables: &[(&str, &str)]) -> Vec<String> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        let lookup = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        environment(&lookup).iter().map(Finding::line).collect()
    }

    fn at(token_file: &Path, authorization_token: Option<Secret>) -> String {
        let name = ProfileName::parse("app").expect("a name");
        let token_file = token_file.to_owned();
        client(&Client {
            profile: name.clone(),
            name,
            token_file,
            authorization_token,
        })
        .line()
    }

    #[test]
    fn competing_variables_are_named_without_their_values() {
        assert_eq!(
            lines(&[("AWS_PROFILE", "")]),
            ["ok environment: no variable here competes with the agent's credentials"]
        );
        assert_eq!(
            lines(&[
                ("AWS_ACCESS_KEY_ID", "canary"),
                ("AWS_SECRET_ACCESS_KEY", "canary")
            ]),
            [
                "warning environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY set here: the agent ignores it, but an SDK \
              in an application container would not; fix: see that no application container has it"
            ]
        );
        let eks = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
        assert!(
            lines(&[("AWS_WEB_IDENTITY_TOKEN_FILE", eks)])[0].contains("skip-pod-identity-webhook")
        );
    }

    #[test]
    fn a_clients_token_file_is_there_or_can_be_made_and_looking_makes_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("app/token");
        assert!(at(&file, None).ends_with("app/token will be made when the agent starts"));
        assert!(!directory.path().join("app").exists());
        authorization::ensure(&file, None).expect("made");
        assert!(at(&file, None).ends_with("app/token holds its token"));
        assert!(
            at(&file, Some(Secret::new("canary".into())))
                .starts_with("warning client app: its token is in the pod's")
        );
        let never = at(Path::new("/proc/self/app/token"), None);
        assert!(
            never.starts_with(
                "failure client app: /proc/self/app/token cannot be made: /proc/self is not"
            ),
            "{never}"
        );
    }

    #[test]
    fn the_state_directory_should_be_in_memory() {
        assert!(
            state_directory(None)
                .line()
                .starts_with("ok state directory: none is set")
        );
        let failed = state_directory(Some(Path::new("/proc/self/state"))).line();
        assert!(
            failed.starts_with("failure state directory: /proc/self/state cannot be used"),
            "{failed}"
        );
        let memory = state_directory(Some(Path::new("/dev/shm/stsidecar-check/state"))).line();
        assert_eq!(
            memory,
            "ok state directory: /dev/shm/stsidecar-check/state is in memory and writable"
        );
    }
}
