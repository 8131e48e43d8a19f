//! What `stsidecar inject` leaves as it is: every byte that is not the sidecar's.

use super::{Outcome, POD, ROLE, fixture, inject};

#[test]
fn documents_that_are_not_workloads_keep_every_byte() {
    let given = fixture("shop.in.yaml");
    let printed = inject(&[], &given, "").stdout;
    let kept = given
        .split_inclusive("---\n")
        .filter(|part| !part.contains("image: registry") && !part.contains("nightly"));
    for part in kept {
        assert!(printed.contains(part.trim_end_matches("---\n")), "{part}");
    }
    for untouched in [
        "",
        "\n",
        "# only a comment",
        "a: [1,   2] # odd\r\n...\n",
        "--- text\n---\n- 1",
    ] {
        let Outcome { code, stdout, .. } = inject(&[], untouched, "");
        assert_eq!((code, stdout.as_str()), (0, untouched));
    }
}

#[test]
fn a_byte_order_mark_in_front_of_manifests_stays_and_of_values_is_ignored() {
    let values = "agent: {region: eu-central-1}\n";
    let given = format!("---\n{POD}");
    let plain = inject(&[ROLE, "--values=values.yaml"], &given, values);
    let marked = inject(
        &[ROLE, "--values=values.yaml"],
        &format!("\u{feff}{given}"),
        &format!("\u{feff}{values}"),
    );
    assert_eq!((marked.code, marked.stderr.as_str()), (0, ""));
    assert_eq!(marked.stdout, format!("\u{feff}{}", plain.stdout));
}

/// Comments, quotes, order and indentation as people write them; Flux finds an image by the comment
/// behind it
/// (<https://fluxcd.io/flux/guides/image-update/#configure-image-update-for-custom-resources>).
const BY_HAND: &str = r#"# The shop.
---  # one document
apiVersion: apps/v1
kind: Deployment
metadata: # of the object
    name:   "shop"   # spaces stay
spec:
    replicas: 0x2
    template:
        metadata:
            annotations:
                # why it is scraped
                prometheus.io/scrape: 'true'
            # what a Service selects
            labels: &labels
                app: shop
        spec:
            # first of all
            initContainers:
            # waits for the database
            - name: wait
              image: registry.example.com/wait:1 # {"$imagepolicy": "flux-system:wait"}
            containers:
            - image: registry.example.com/shop:1.10 # {"$imagepolicy": "flux-system:shop"}
              name: shop
              args:
              - |+
                # no comment
                exec /shop

              # - a third one
              env:
              # - name: OLD
              # where the database is
              - {name: DATABASE, value: "tcp://db:5432"} # by name
              # - name: LATER

            # what is mounted
            volumes:
            - name: data
              emptyDir: {}
    # how it is rolled out
    strategy: {type: Recreate}
# the end
...
"#;

/// What of `given` is not in `printed`, in order, line by line; nothing when all of it is.
fn lost<'a>(given: &'a str, printed: &str) -> Option<&'a str> {
    let mut printed = printed.split_inclusive('\n');
    given
        .split_inclusive('\n')
        .find(|line| !printed.any(|other| other == *line))
}

#[test]
fn everything_that_is_not_ours_stays_byte_for_byte() {
    for given in [
        BY_HAND.to_owned(),
        BY_HAND.replace('\n', "\r\n"),
        format!("\u{feff}{BY_HAND}"),
        BY_HAND.trim_end_matches("\n# the end\n...\n").to_owned(),
    ] {
        let Outcome {
            code,
            stdout,
            stderr,
        } = inject(&[ROLE, "--region=us-east-1"], &given, "");
        assert_eq!((code, stderr.as_str()), (0, ""));
        assert_eq!(lost(&given, &stdout), None, "{stdout}");
        assert!(stdout.contains("name: stsidecar"), "{stdout}");
        assert_eq!(
            given.contains("\r\n"),
            stdout
                .split('\n')
                .rev()
                .skip(1)
                .all(|line| line.ends_with('\r')),
            "one kind of line ends: {stdout}"
        );
        assert_eq!(given.ends_with('\n'), stdout.ends_with('\n'), "{stdout}");
        let again = inject(&[ROLE, "--region=us-east-1"], &stdout, "");
        assert_eq!((again.code, again.stdout), (0, stdout));
    }
}

/// What an author appended behind ours, in either place, moves nowhere when ours is written anew.
#[test]
fn a_renewal_moves_ours_and_keeps_the_authors_lines() {
    const BY_AUTHOR: [&str; 2] = [
        "    # the database\n    - {name: DATABASE, value: 'tcp://db'} # by hand\n",
        "  # the mesh\n  - name: istio-proxy # mesh\n    image: \"istio:1\" # {\"$imagepolicy\": \"i\"}\n    restartPolicy: Always\n",
    ];
    let injected = inject(&[ROLE, "--region=eu-central-1"], POD, "").stdout;
    let behind = |text: &str, before: &str, more: &str| {
        let at = text
            .find(before)
            .unwrap_or_else(|| panic!("{before} in {text}"));
        format!("{}{more}{}", &text[..at], &text[at..])
    };
    let given = behind(&injected, "    volumeMounts:\n", BY_AUTHOR[0]);
    let given = behind(&given, "  volumes:\n", BY_AUTHOR[1]);
    for values in ["", "agent: {credentialsPort: 9921}\n"] {
        let flags = [ROLE, "--region=eu-central-1", "--values=values.yaml"];
        let renewed = inject(&flags, &given, values);
        assert_eq!((renewed.code, renewed.stderr.as_str()), (0, ""));
        for text in BY_AUTHOR {
            assert!(
                renewed.stdout.contains(text),
                "{values}: {}",
                renewed.stdout
            );
        }
    }
}

#[test]
fn a_comment_behind_a_key_outlives_what_was_ours_below_it() {
    let given = POD.replace(
        "  - name: app\n",
        "  - name: app\n    env: [] # why: it inherits\n  - name: two\n",
    );
    assert_ne!(given, POD);
    let injected = inject(&[ROLE, "--region=eu-central-1"], &given, "").stdout;
    let skipped = injected.replace(
        "  annotations:\n",
        "  annotations:\n    stsidecar.dev/skip-containers: app\n",
    );
    let renewed = inject(&[ROLE, "--region=eu-central-1"], &skipped, "").stdout;
    assert!(renewed.contains("# why: it inherits"), "{renewed}");
}
