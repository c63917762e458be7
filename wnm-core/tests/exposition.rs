//! The parser of metrics text reads recorded responses of real nodes, and accepts any bytes.

use std::io::Read;

use flate2::read::GzDecoder;
use proptest::prelude::*;
use wnm_core::{is_node_metrics, parse_identity, parse_metrics};

#[expect(clippy::unwrap_used, reason = "the data is part of the test")]
fn unzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

macro_rules! recorded {
    ($($name:literal),* $(,)?) => {
        [$(($name,
            unzip(include_bytes!(concat!("data/", $name, "-metrics.gz"))),
            unzip(include_bytes!(concat!("data/", $name, "-metadata.gz"))),
        )),*]
    };
}

#[test]
fn recorded_responses_are_parsed() {
    let recorded = recorded!(
        "antnode-0.4.17-1",
        "antnode-0.4.17-2",
        "antnode-0.4.17-3",
        "antnode-0.4.17-4",
        "antnode-0.4.17-5",
        "antnode-0.4.17-6",
        "antnode-0.4.17-7",
        "antnode-0.4.17-8",
        "antnode-0.4.7-mainnet",
    );
    let lines: Vec<String> = recorded
        .iter()
        .map(|(name, metrics, metadata)| {
            format!("{name}\n  {:?}\n  {:?}", parse_identity(metadata), parse_metrics(metrics))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn invalid_values_are_unknown_and_not_zero() {
    for (text, want) in [
        ("ant_node_uptime NaN", None),
        ("ant_node_uptime 1e309", None),
        ("ant_node_uptime -5", None),
        ("ant_node_uptime 1.5", Some(1)),
        ("ant_node_uptime 1e300", None),
        ("ant_networking_records_stored 1.5", None),
        ("ant_node_uptime", None),
        ("ant_node_uptime ", None),
        ("ant_node_uptime 1e3", Some(1000)),
        ("ant_node_uptime 12.0", Some(12)),
        ("ant_node_uptime 12 1795210506.1", Some(12)),
        ("ant_node_uptime{a=\"} 7 {\"} 12", Some(12)),
        ("ant_node_uptime{a=\"\\\"} 7", None),
        ("ant_node_uptime 12\r\nant_node_uptimes 13", Some(12)),
        ("# ant_node_uptime 12", None),
    ] {
        assert_eq!(parse_metrics(text.as_bytes()).uptime, want, "{text:?}");
    }
    let balance = format!("ant_node_current_reward_wallet_balance {}", u128::MAX);
    assert_eq!(parse_metrics(balance.as_bytes()).reward_balance, Some(u128::MAX));
    let labelled =
        "ant_node_put_record_ok_total{record_type=\"a\"} 3\nant_node_put_record_ok_total{record_type=\"b\"} 4";
    assert_eq!(parse_metrics(labelled.as_bytes()).puts_ok, Some(7));
}

#[test]
fn blanks_and_quoted_names_are_read() {
    let metrics = parse_metrics(
        "\u{feff}ant_node_uptime\t120.75\r\n\
         ant_networking_records_stored  17\n\
         ant_networking_connected_peers {a=\"b\"} 5\n \
         ant_networking_open_connections 9\n\
         {\"ant_networking_relevant_records\"} 3\n\
         {\t\"ant_networking_shunned_by_close_group\" , a = \"}\" }\t1  1795210506.1\n\
         #\tTYPE  ant_node_put_record_ok   counter\n\
         {\"ant_networking_max_records\"\n{\"ant_networking_live_time} 4\n{} 5\n{\"a\"b} 6\n"
            .as_bytes(),
    );
    assert_eq!((metrics.uptime, metrics.records, metrics.connected_peers), (Some(120), Some(17), Some(5)));
    assert_eq!((metrics.open_connections, metrics.relevant_records), (Some(9), Some(3)));
    assert_eq!((metrics.shunned_by_close_group, metrics.puts_ok), (Some(1), Some(0)));
    assert_eq!((metrics.max_records, metrics.live_time), (None, None));
    let identity = parse_identity(
        b" ant_networking_peer_id_info { peer_id = \"12D3Koo\" } 1\n\
          {\"ant_node_antnode_version_info\",antnode_version=\"0.4.17\"} 1\n",
    );
    assert_eq!(identity.peer_id.as_deref(), Some("12D3Koo"));
    assert_eq!(identity.version.map(|version| version.to_string()).as_deref(), Some("0.4.17"));
}

#[test]
fn text_of_a_node_names_a_metric_of_a_node() {
    for text in [
        "ant_node_uptime 5",
        "# EOF-less\n# HELP ant_networking_records_stored The number.\n",
        "up 1\n #  TYPE  libp2p_bandwidth_bytes counter",
        "{\"ant_node_uptime\"} 5",
        "ant_node_uptime NaN",
    ] {
        assert!(is_node_metrics(text.as_bytes()), "{text}");
    }
    for text in
        ["", "# EOF\n", "<!DOCTYPE html>\n<title>ant_node_uptime 5</title>", "node_cpu_seconds_total 5", "# ant_node"]
    {
        assert!(!is_node_metrics(text.as_bytes()), "{text}");
    }
}

#[test]
fn peer_ids_contain_only_letters_and_digits() {
    let peer =
        |id: &str| parse_identity(format!("ant_networking_peer_id_info{{peer_id=\"{id}\"}} 1").as_bytes()).peer_id;
    assert_eq!(peer("12D3KooW").as_deref(), Some("12D3KooW"));
    for bad in ["", "\u{1b}[31m", "a b", "a\\nb", &"a".repeat(129)] {
        assert_eq!(peer(bad), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_accepted(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = (parse_metrics(&bytes), parse_identity(&bytes));
    }

    #[test]
    fn damaged_metrics_text_is_accepted(text in "(ant_node_uptime|ant_networking_peer_id_info|#)[ {}=\",\\\\a-z0-9.\n]{0,60}") {
        let _ = (parse_metrics(text.as_bytes()), parse_identity(text.as_bytes()));
    }
}
