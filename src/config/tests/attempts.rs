//! How long an attempt may take: what is accepted, and what an error says.

use super::*;

#[test]
fn an_attempt_has_three_seconds_or_what_is_set_from_one_to_thirty() {
    let timeout = |text| {
        let mut given = Given::variables([REGION]);
        given.flags.set("sts-timeout", text);
        given
            .load()
            .map(|loaded| loaded.config.describe()["sts"]["timeout"].clone())
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        Given::variables([REGION]).loaded().config.describe()["sts"]["timeout"],
        json!("3s")
    );
    for (text, shown) in [("1s", "1s"), ("30s", "30s"), ("2500ms", "2s 500ms")] {
        assert_eq!(timeout(text.to_owned()), Ok(json!(shown)), "{text}");
    }
    for bad in ["999ms", "31s", "0s", "3", "soon", "-3s", ""] {
        let error = timeout(bad.to_owned()).expect_err(bad);
        assert!(
            error.starts_with("--sts-timeout: ") && error.contains("1s to 30s"),
            "{error}"
        );
    }
}
