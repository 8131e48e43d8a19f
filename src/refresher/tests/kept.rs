//! What a refresher goes on with of what an earlier one kept.

use super::*;
use crate::session::snapshot::{SavedHop, Snapshot};

/// What an earlier process kept for the identity that the token of `name` names.
fn kept(name: &str) -> Saved {
    let identity = WebIdentityToken::parse(jwt(name).as_bytes())
        .expect("a token")
        .identity();
    let credentials = Credentials {
        access_key_id: "ASIAKEPT000000000001".to_owned(),
        secret_access_key: Secret::new("secret".to_owned()),
        session_token: Secret::new("session".to_owned()),
        expiration: clock::wall().plus(Duration::from_hours(1)),
        account: None,
    };
    let deadline = clock::boot().plus(Duration::from_hours(1));
    let (lifetime, received, details) = (
        Duration::from_hours(1),
        clock::wall(),
        ResponseDetails::default(),
    );
    let lease = Lease {
        credentials,
        deadline,
        lifetime,
        received,
        details,
        identity,
    };
    let hop = SavedHop {
        lease,
        due: deadline,
        generation: 1,
        worked: None,
    };
    Saved {
        boot_id: "boot".to_owned(),
        named: identity,
        session_names: vec![Some(SessionName::sanitised("kept"))],
        snapshot: Snapshot {
            digest: Digest([7; 32]),
            hops: vec![Some(hop)],
        },
    }
}

#[tokio::test]
async fn a_token_of_another_identity_than_the_restored_credentials_is_noticed_when_it_comes_late() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    for (name, another) in [("app", false), ("other", true)] {
        let mut refresher = refresher(&file, Some(kept("app")));
        let restored = refresher
            .restored()
            .expect("without a token there is nothing to compare with");
        let actions = refresher.session.step(restored, clock::now());
        assert!(
            matches!(actions[..], [Action::Serve { .. }, Action::WakeAt(_)]),
            "{actions:?}"
        );
        std::fs::write(&file, jwt(name)).expect("written");
        drop(refresher.parts.source.reload());
        let event = refresher.token_changed();
        let actions = refresher.session.step(event, clock::now());
        assert_eq!(
            actions
                .iter()
                .any(|action| matches!(action, Action::Withdraw)),
            another,
            "{actions:?}"
        );
        std::fs::remove_file(&file).expect("removed");
    }
}

#[tokio::test]
async fn session_names_are_kept_for_one_identity_and_chosen_anew_for_another() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    for (of, expected) in [("app", "kept"), ("other", "shop.web-0")] {
        std::fs::write(&file, jwt("app")).expect("written");
        let mut refresher = refresher(&file, Some(kept(of)));
        drop(refresher.parts.source.reload());
        refresher.token_changed();
        refresher.restored();
        let call = refresher.first_call();
        let Ok(request) = refresher.prepare(&call).request else {
            panic!("everything is there")
        };
        assert_eq!(request.session_name.as_str(), expected, "kept of {of}");
        std::fs::write(&file, jwt("third")).expect("written");
        let Ok(request) = refresher.prepare(&call).request else {
            panic!("everything is there")
        };
        assert_eq!(
            request.session_name.as_str(),
            "shop.web-0",
            "another identity while it runs"
        );
    }
}
