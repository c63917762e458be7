//! Words that a database of an earlier build holds in unfinished actions, states and samples.
#![expect(clippy::unwrap_used, reason = "the data is part of the test")]

use wnm_core::{Presence, Reason, Relief, StopCause};

fn read<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

/// A row that cannot be read stops every cycle, so these words stay readable.
#[test]
fn words_of_earlier_builds_are_read() {
    assert_eq!(read::<Reason>(r#"{"reason":"asked"}"#), Reason::Requested);
    assert_eq!(read::<Reason>(r#"{"reason":"room_to_start"}"#), Reason::HeadroomToStart);
    let added = read::<Reason>(r#"{"reason":"room_to_add","total":1,"cap":2}"#);
    assert_eq!(added, Reason::HeadroomToAdd { total: 1, cap: 2 });
    assert_eq!((read::<Relief>(r#""ride""#), read::<Relief>(r#""soft""#)), (Relief::Grace, Relief::Warning));
    assert_eq!(read::<StopCause>(r#""asked""#), StopCause::Requested);
    assert_eq!(read::<Presence>(r#""stray""#), Presence::Unverified);
}
