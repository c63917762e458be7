//! The earnings with real requests and stepped time, from a JSON-RPC server that answers, lies, refuses or hangs.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wnm_agent::Wake;
use wnm_agent::earnings::{ANT, EarningsService, Record, Span, stored};
use wnm_agent::live::Live;
use wnm_core::Timestamp;

use crate::common::{agent, request_body};
use crate::daemon::{Control, run};

const MINE: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
/// Half a token.
const HALF: u128 = 500_000_000_000_000_000;

fn word(value: u128) -> String {
    format!("{value:#066x}")
}

fn topic(address: &str) -> String {
    format!("0x{:0>64}", address.trim_start_matches("0x").to_lowercase())
}

/// A transfer of half a token in a block.
fn transfer(block: u64) -> Value {
    json!({"address": ANT.to_lowercase(), "blockNumber": format!("{block:#x}"), "data": word(HALF), "removed": false,
        "topics": [TRANSFER, word(7), topic(MINE)]})
}

/// The network behind the server, and its misbehaviour.
struct Chain {
    latest: u64,
    balance: u128,
    transfers: Vec<u64>,
    /// Replaces the answer to a method: a whole HTTP answer, or a JSON value.
    wrong: Option<(&'static str, Wrong)>,
    /// The greatest range of blocks that is answered.
    most_blocks: u64,
    /// The methods that were asked, with the blocks of transfers.
    asked: Vec<String>,
}

#[derive(Clone)]
enum Wrong {
    Http(&'static str),
    Json(Value),
    Hang,
}

struct Server {
    url: String,
    chain: Arc<Mutex<Chain>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v2/secret-key-0123456789", listener.local_addr().unwrap());
        let chain = Chain {
            latest: 1000,
            balance: 10 * HALF,
            transfers: vec![900],
            wrong: None,
            most_blocks: 1 << 20,
            asked: Vec::new(),
        };
        let chain = Arc::new(Mutex::new(chain));
        let shared = Arc::clone(&chain);
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for mut stream in listener.incoming().map_while(Result::ok) {
                let body = request_body(&stream);
                let question: Value = serde_json::from_slice(&body).unwrap();
                let mut chain = shared.lock().unwrap();
                match chain.answer(&question) {
                    Wrong::Http(answer) => _ = stream.write_all(answer.as_bytes()),
                    Wrong::Json(answer) => {
                        let body = answer.to_string();
                        let head =
                            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                        _ = stream.write_all((head + &body).as_bytes());
                    }
                    Wrong::Hang => open.push(stream),
                }
            }
        });
        Self { url, chain }
    }

    fn change(&self, change: impl FnOnce(&mut Chain)) {
        change(&mut self.chain.lock().unwrap());
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.chain.lock().unwrap().asked)
    }
}

impl Chain {
    fn answer(&mut self, question: &Value) -> Wrong {
        let method = question["method"].as_str().unwrap();
        let number = |key: &str| {
            let text = question["params"][0][key].as_str().unwrap_or("0x0");
            u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
        };
        let (first, last) = (number("fromBlock"), number("toBlock"));
        let is_range = method == "eth_getLogs";
        self.asked.push(if is_range { format!("{first} to {last}") } else { method.to_owned() });
        if let Some((_, wrong)) = self.wrong.as_ref().filter(|(wrong, _)| *wrong == method) {
            return wrong.clone();
        }
        if is_range && last - first >= self.most_blocks {
            return Wrong::Json(json!({"id": 1, "error": {"code": -32005, "message": "block range\u{7} too large"}}));
        }
        let result = match method {
            "eth_blockNumber" => json!(format!("{:#x}", self.latest)),
            "eth_call" => {
                assert_eq!(question["params"][0]["to"], ANT.to_lowercase());
                assert_eq!(question["params"][0]["data"], format!("0x70a08231{}", &topic(MINE)[2..]));
                json!(word(self.balance))
            }
            "eth_getLogs" => {
                assert_eq!(question["params"][0]["topics"], json!([TRANSFER, null, [topic(MINE)]]));
                let found = self.transfers.iter().filter(|block| (first..=last).contains(block));
                found.map(|block| transfer(*block)).collect()
            }
            other => panic!("{other}"),
        };
        Wrong::Json(json!({"jsonrpc": "2.0", "id": 1, "result": result}))
    }
}

/// The earnings of a daemon with a clock that the test steps.
struct Stand {
    folder: tempfile::TempDir,
    live: Live,
    service: EarningsService,
    now: Timestamp,
}

impl Stand {
    fn new(server: &Server) -> Self {
        let (mut agent, calls) = agent(&[("node_cap", "1"), ("rewards_address", MINE)]);
        let (control, ended) = run(&mut agent, &[(120_001, Wake::End)], Control { calls, ..Control::default() });
        assert_eq!(ended, Ok(()));
        let folder = tempfile::tempdir().unwrap();
        let service = EarningsService::new(&folder.path().join("wnm.db"));
        let stand = Self { folder, live: control.live, service, now: Timestamp::from_secs(1_796_040_000) };
        stand.write(&format!("url = '{}'\n", server.url));
        stand
    }

    fn write(&self, text: &str) {
        let path = self.folder.path().join("earnings.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn observe(&mut self) {
        self.service.observe(&self.live, Some(&self.folder.path().join("earnings.toml")), None, self.now);
        self.live.set_earnings(self.service.summary());
    }

    /// Steps the clock as cycles every 5 s do.
    fn step(&mut self, seconds: u64) {
        for _ in 0..seconds / 5 {
            self.observe();
            self.now = self.now.after(Duration::from_secs(5));
        }
    }

    /// Observes without a step until the stored record satisfies `wanted`: the request runs on a thread of its own.
    #[track_caller]
    fn until(&mut self, wanted: impl Fn(&Record) -> bool) -> Record {
        let started = Instant::now();
        loop {
            self.observe();
            if let Some(record) = stored(&self.folder.path().join("wnm.db")).filter(&wanted) {
                return record;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{:?}", stored(&self.folder.path().join("wnm.db")));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn problem(&self) -> String {
        self.service.summary().problem.unwrap_or_default()
    }
}

#[test]
fn balance_and_transfers_are_counted_once() {
    let server = Server::start();
    let mut stand = Stand::new(&server);
    let record = stand.until(|record| record.read.is_some());
    assert_eq!((record.balance().tokens(), record.block), (5.0, Some(936)));
    assert_eq!(record.earned(Span(1), stand.now).transfers, 0, "transfers before the first reading do not count");
    assert_eq!(server.asked(), ["eth_blockNumber", "eth_call"]);
    stand.step(295);
    assert_eq!(server.asked(), [""; 0], "a reading before its time");
    server.change(|chain| {
        (chain.latest, chain.balance) = (2200, 13 * HALF);
        // The last one is among the blocks that a server may not know yet.
        chain.transfers.extend([937, 1500, 2136, 2137]);
    });
    stand.step(10);
    let record = stand.until(|record| record.block == Some(2136));
    assert_eq!(server.asked(), ["eth_blockNumber", "eth_call", "937 to 2136"]);
    let earned = record.earned(Span(1), stand.now);
    assert_eq!((earned.received.tokens(), earned.transfers), (1.5, 3));
    assert!((earned.node_days * 86_400.0 - 300.0).abs() < 10.0, "{earned:?}");
    // A restart goes on where the one before ended, and asks nothing before its time.
    stand.service = EarningsService::new(&stand.folder.path().join("wnm.db"));
    stand.step(200);
    assert_eq!(server.asked(), [""; 0]);
    server.change(|chain| chain.latest = 2300);
    stand.step(110);
    let record = stand.until(|record| record.block == Some(2236));
    assert_eq!(record.earned(Span(1), stand.now).transfers, 4);
    let metrics =
        String::from_utf8(wnm_agent::metrics::render(&stand.live, "1", wnm_agent::metrics::Format::Prometheus));
    let metrics = metrics.unwrap();
    for line in [
        format!("wnm_earnings_balance_tokens{{address=\"{MINE}\"}} 6.5"),
        format!("wnm_earnings_received_tokens_total{{address=\"{MINE}\"}} 2.0"),
        format!("wnm_earnings_transfers_total{{address=\"{MINE}\"}} 4.0"),
        "wnm_earnings_failing 0.0".to_owned(),
    ] {
        assert!(
            metrics.lines().any(|found| found.trim_end_matches(".0") == line.trim_end_matches(".0")),
            "{line}: {metrics}"
        );
    }
}

#[test]
fn long_absence_is_caught_up_in_parts() {
    let server = Server::start();
    let mut stand = Stand::new(&server);
    stand.until(|record| record.read.is_some());
    server.asked();
    server.change(|chain| {
        chain.latest = 1000 + 250_000;
        chain.transfers.extend([2000, 90_000, 249_000]);
    });
    stand.step(305);
    let record = stand.until(|record| record.left > 0);
    assert_eq!((record.block, record.left), (Some(160_936), 90_000));
    // The rest after a minute.
    stand.step(65);
    let record = stand.until(|record| record.left == 0 && record.block == Some(250_936));
    assert_eq!(record.earned(Span(1), stand.now).transfers, 3);
    assert_eq!(server.asked().iter().filter(|asked| asked.contains(" to ")).count(), 25);
}

#[test]
fn smaller_ranges_are_asked_of_a_server_that_refuses_large_ones() {
    let server = Server::start();
    let mut stand = Stand::new(&server);
    stand.until(|record| record.read.is_some());
    server.change(|chain| {
        (chain.latest, chain.most_blocks) = (20_000, 3000);
        chain.transfers.extend([2000, 19_000]);
    });
    stand.step(305);
    let record = stand.until(|record| record.block == Some(19_936));
    assert_eq!((record.problem.as_deref(), record.earned(Span(1), stand.now).transfers), (None, 2));
    // The size that the server answered stays.
    server.asked();
    server.change(|chain| chain.latest = 24_000);
    stand.step(305);
    stand.until(|record| record.block == Some(23_936));
    assert_eq!(server.asked()[2..], ["19937 to 22436", "22437 to 23936"]);
    // A server that refuses every range is told.
    server.change(|chain| (chain.latest, chain.most_blocks) = (30_000, 0));
    stand.step(305);
    stand.until(|record| record.problem.is_some());
    assert_eq!(stand.problem(), "the server refused eth_getLogs: block range too large");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table: a case for each answer")]
fn answers_that_lie_count_nothing_and_are_told() {
    let with = |change: fn(&mut Value)| {
        let mut log = transfer(1000);
        change(&mut log);
        Wrong::Json(json!({"result": [log]}))
    };
    let result = |value: Value| Wrong::Json(json!({ "result": value }));
    let not_asked = "the answer is not of the documented form: a transfer that was not asked for";
    let cases = [
        ("eth_blockNumber", Wrong::Http("\0\0\0"), ""),
        ("eth_blockNumber", Wrong::Http("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n<htm"), "no JSON"),
        (
            "eth_blockNumber",
            Wrong::Http("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
            "302",
        ),
        (
            "eth_blockNumber",
            Wrong::Http("HTTP/1.1 401 Unauthorized\r\ncontent-length: 7\r\n\r\nbad key"),
            "the server answered 401: bad key",
        ),
        ("eth_blockNumber", result(json!(null)), "no result"),
        ("eth_blockNumber", result(json!("0x")), "no number of a block"),
        ("eth_blockNumber", result(json!("0x+1")), "no number of a block"),
        ("eth_blockNumber", result(json!("0x10000000000000000")), "no number of a block"),
        ("eth_blockNumber", Wrong::Json(json!([])), "no result"),
        (
            "eth_call",
            result(json!("0x")),
            "it knows no contract 0xa78d8321B20c4Ef90eCd72f2588AA985A4BDb684, as a server of another network",
        ),
        ("eth_call", result(json!("0x1")), "no balance"),
        ("eth_call", result(json!(format!("0x{}", "f".repeat(64)))), "no balance"),
        ("eth_call", result(json!(5)), "no balance"),
        (
            "eth_call",
            Wrong::Json(json!({"error": {"code": 3, "message": "execution reverted"}})),
            "the server refused eth_call: execution reverted",
        ),
        ("eth_getLogs", result(json!({})), "no list of transfers"),
        ("eth_getLogs", result(json!([{}])), not_asked),
        ("eth_getLogs", with(|log| log["address"] = json!(MINE)), not_asked),
        ("eth_getLogs", with(|log| log["blockNumber"] = json!("0x1")), not_asked),
        ("eth_getLogs", with(|log| log["blockNumber"] = json!("0xfffffff")), not_asked),
        ("eth_getLogs", with(|log| log["removed"] = json!(true)), not_asked),
        ("eth_getLogs", with(|log| log["topics"][2] = json!(topic(ANT))), not_asked),
        ("eth_getLogs", with(|log| log["topics"][0] = json!(word(1))), not_asked),
        ("eth_getLogs", with(|log| log["data"] = json!(format!("0x{}", "f".repeat(64)))), not_asked),
        (
            "eth_getLogs",
            with(|log| log["data"] = json!("0xß0000000000000000000000000000000000000000000000000000000000000000")),
            not_asked,
        ),
    ];
    let server = Server::start();
    let mut stand = Stand::new(&server);
    let first = stand.until(|record| record.read.is_some());
    server.change(|chain| chain.latest = 1200);
    for (method, wrong, cause) in cases {
        server.change(|chain| chain.wrong = Some((method, wrong)));
        // Beyond the longest wait after failures.
        stand.step(3700);
        let at = stand.now;
        let record =
            stand.until(|record| record.asked.is_some_and(|asked| at.since(asked) < Duration::from_secs(3700)));
        let problem = record.problem.clone().unwrap_or_default();
        assert!(!problem.is_empty() && problem.contains(cause), "{method}: {problem:?}, not {cause:?}");
        assert!(!problem.contains("secret-key"), "{problem}");
        assert_eq!((record.block, record.accounts), (first.block, first.accounts.clone()), "{problem}");
    }
    server.change(|chain| chain.wrong = None);
    stand.step(3700);
    let record = stand.until(|record| record.problem.is_none());
    assert_eq!(record.block, Some(1136));
}

#[test]
fn server_that_hangs_or_asks_to_wait_delays_no_cycle() {
    let server = Server::start();
    let mut stand = Stand::new(&server);
    server.change(|chain| chain.wrong = Some(("eth_blockNumber", Wrong::Hang)));
    let started = Instant::now();
    stand.step(3000);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(server.asked().len() <= 1, "one request at a time");
    let record = stand.until(|record| record.problem.is_some());
    assert_eq!(record.problem.as_deref(), Some("no answer in time"));
    let answer = "HTTP/1.1 429 Too Many\r\nretry-after: 1800\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    server.change(|chain| chain.wrong = Some(("eth_blockNumber", Wrong::Http(answer))));
    stand.step(600);
    stand.until(|record| record.problem.as_deref() == Some("the server answered 429"));
    let begun = server.asked().len();
    assert!(begun >= 1);
    // The answer may have come at the begin of these ten minutes.
    stand.step(1100);
    assert_eq!(server.asked(), [""; 0], "the server asked for half an hour");
}

#[test]
fn bad_file_is_told_and_leaves_the_server() {
    let server = Server::start();
    let mut stand = Stand::new(&server);
    stand.until(|record| record.read.is_some());
    server.asked();
    stand.write("url = 'SECRET'\n");
    stand.step(305);
    assert!(
        stand.problem().ends_with("the url is invalid: it begins with no http:// or https://"),
        "{}",
        stand.problem()
    );
    stand.until(|record| record.asked.is_some_and(|asked| asked > Timestamp::from_secs(1_796_040_000)));
    assert_eq!(server.asked().first().map(String::as_str), Some("eth_blockNumber"), "the server before stays");
    let path = stand.folder.path().join("earnings.toml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    stand.observe();
    assert!(stand.problem().contains("other users can read it"), "{}", stand.problem());
    // Another contract begins a record of its own, and the days of the one before stay.
    stand.write(&format!("url = '{}'\ncontract = '{MINE}'\n", server.url));
    server.change(|chain| chain.wrong = Some(("eth_call", Wrong::Json(json!({"result": "0x"})))));
    stand.until(|record| record.contract.is_some_and(|contract| contract.to_string() == MINE));
    assert!(stand.folder.path().join(format!("wnm.db.earnings-{ANT}")).exists());
    // Without the setting, nothing is read.
    stand.service.observe(&stand.live, None, None, stand.now);
    assert_eq!(stand.service.summary(), wnm_agent::live::EarningsSummary::default());
}
