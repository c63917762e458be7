//! The questions to a JSON-RPC server of the payment network: the latest block, the balance of an account, and the
//! transfers to accounts in a range of blocks.
//!
//! The server is not trusted: an answer with another contract, account or block, or with an amount that no token has, is
//! refused as a whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wnm_core::probe::Atto;
use wnm_core::{Address, HttpUrl};

use crate::outbound::{self, OutboundError};

/// Longest time of a request.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Longest answer, in bytes: about 3000 transfers.
const LONGEST_ANSWER: u64 = 2 << 20;
/// Longest quotation of a message of the server, in characters.
const LONGEST_QUOTE: usize = 200;
/// The selector of `balanceOf(address)` in the interface ERC-20.
const BALANCE_OF: &str = "0x70a08231";
/// The topic of the event `Transfer(address,address,uint256)` in the interface ERC-20.
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

/// The transfers to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transfers {
    /// The sum of the amounts.
    pub received: Atto,
    /// The number of transfers.
    pub count: u64,
}

/// A token on a server.
#[derive(Debug)]
pub struct Chain {
    client: ureq::Agent,
    url: HttpUrl,
    contract: Address,
}

impl Chain {
    /// Returns the token of a contract. With a file of certificates, only their authorities are trusted.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn new(url: HttpUrl, contract: Address, authorities: Option<&Path>) -> Result<Self, OutboundError> {
        Ok(Self { client: outbound::client(TIMEOUT, authorities)?, url, contract })
    }

    /// Returns the number of the latest block.
    ///
    /// # Errors
    /// No valid answer arrived.
    pub fn latest_block(&self) -> Result<u64, OutboundError> {
        let answer = self.ask("eth_blockNumber", &json!([]))?;
        quantity(&answer).and_then(|number| u64::try_from(number).ok()).ok_or_else(|| wrong("no number of a block"))
    }

    /// Returns the balance of an account.
    ///
    /// # Errors
    /// No valid answer arrived, or the server knows no such contract.
    pub fn balance(&self, account: Address) -> Result<Atto, OutboundError> {
        let data = format!("{BALANCE_OF}{}", word(account));
        let call = json!([{"to": hexadecimal(self.contract), "data": data}, "latest"]);
        let answer = self.ask("eth_call", &call)?;
        if answer == "0x" {
            let contract = self.contract;
            return Err(wrong(&format!("it knows no contract {contract}, as a server of another network")));
        }
        amount(&answer).ok_or_else(|| wrong("no balance"))
    }

    /// Returns the transfers to accounts from block `first` to block `last`.
    ///
    /// # Errors
    /// No valid answer arrived.
    pub fn transfers(
        &self,
        accounts: &[Address],
        first: u64,
        last: u64,
    ) -> Result<BTreeMap<Address, Transfers>, OutboundError> {
        let words: BTreeMap<String, Address> =
            accounts.iter().map(|account| (format!("0x{}", word(*account)), *account)).collect();
        let filter = json!([{
            "fromBlock": format!("{first:#x}"), "toBlock": format!("{last:#x}"), "address": hexadecimal(self.contract),
            "topics": [TRANSFER, null, words.keys().collect::<Vec<_>>()],
        }]);
        let answer = self.ask("eth_getLogs", &filter)?;
        let mut found: BTreeMap<Address, Transfers> = BTreeMap::new();
        for log in answer.as_array().ok_or_else(|| wrong("no list of transfers"))? {
            let (account, amount) =
                self.transfer(log, &words, first..=last).ok_or_else(|| wrong("a transfer that was not asked for"))?;
            let transfers = found.entry(account).or_default();
            transfers.received = transfers.received.plus(amount);
            transfers.count += 1;
        }
        Ok(found)
    }

    /// Returns the account and the amount of a transfer; None for one that does not match the question.
    fn transfer(
        &self,
        log: &Value,
        words: &BTreeMap<String, Address>,
        blocks: std::ops::RangeInclusive<u64>,
    ) -> Option<(Address, Atto)> {
        let text = |value: &Value| value.as_str().map(str::to_lowercase);
        let is_asked = text(log.get("address")?)? == hexadecimal(self.contract)
            && blocks.contains(&u64::try_from(quantity(log.get("blockNumber")?)?).ok()?)
            && log.get("removed").and_then(Value::as_bool) != Some(true);
        let [kind, _, to] = log.get("topics")?.as_array()?.as_slice() else { return None };
        let account = words.get(&text(to)?).filter(|_| is_asked && text(kind).as_deref() == Some(TRANSFER))?;
        Some((*account, amount(log.get("data")?)?))
    }

    fn ask(&self, method: &str, parameters: &Value) -> Result<Value, OutboundError> {
        let question = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let headers = [("Content-Type", "application/json")];
        let body = question.to_string();
        let answer = outbound::ask(&self.client, self.url.as_str(), &headers, body.as_bytes(), LONGEST_ANSWER)?;
        let mut answer: Value = serde_json::from_slice(&answer).map_err(|_| wrong("no JSON"))?;
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
            let message: String = message.chars().filter(|c| !c.is_control()).take(LONGEST_QUOTE).collect();
            return Err(OutboundError::Refused(format!("the server refused {method}: {message}")));
        }
        match answer.get_mut("result").map(Value::take) {
            Some(result) if !result.is_null() => Ok(result),
            Some(_) | None => Err(wrong("no result")),
        }
    }
}

fn wrong(cause: &str) -> OutboundError {
    OutboundError::Answer(cause.to_owned())
}

fn hexadecimal(account: Address) -> String {
    account.to_string().to_lowercase()
}

/// Returns an account as 64 hexadecimal digits.
fn word(account: Address) -> String {
    format!("{:0>64}", hexadecimal(account).trim_start_matches("0x"))
}

/// Returns the number in hexadecimal digits after `0x`; None for another form, and beyond 128 bits.
fn quantity(value: &Value) -> Option<u128> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| u128::from_str_radix(digits, 16).ok())?
}

/// Returns an amount of 32 bytes. None for more than 128 bits, which is a hundred billion times the supply of ANT.
fn amount(value: &Value) -> Option<Atto> {
    let digits = value.as_str()?.strip_prefix("0x").filter(|digits| digits.len() == 64)?;
    let (high, _) = digits.split_at_checked(32)?;
    quantity(value).filter(|_| high.bytes().all(|byte| byte == b'0')).map(Atto)
}
