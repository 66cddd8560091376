use std::{
    fs::{self, File},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use super::{find, in_cache, named_by};

/// What the testsuite calls the server.
const AGENT: &str = "asset-arbiter";
/// All cases take 12 seconds, most of which are pauses.
const PATIENCE: Duration = Duration::from_secs(240);

/// The Autobahn testsuite.
#[derive(Debug)]
pub struct Autobahn(PathBuf);

/// The Autobahn testsuite, if it is there and was asked for.
pub fn autobahn() -> Option<Autobahn> {
    let how = "./test.sh installs it; or install autobahntestsuite for a Python 2.7, and name its wstest in \
               ARBITER_TEST_AUTOBAHN";
    let program = || named_by("ARBITER_TEST_AUTOBAHN").or_else(|| in_cache("autobahn-", "wstest"));
    find("autobahn", how, program).map(Autobahn)
}

impl Autobahn {
    /// Plays cases, such as `1.*`, against a server that echoes messages, and returns what it reports of each.
    pub async fn play(&self, url: &str, cases: &[&str]) -> Value {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let spec = json!({
            "outdir": at("reports"),
            "servers": [{"agent": AGENT, "url": url}],
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        });
        fs::write(at("spec.json"), spec.to_string()).unwrap();
        let output = File::create(at("output")).unwrap();
        let client = Command::new(&self.0)
            .args(["--mode", "fuzzingclient", "--spec", "spec.json"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .kill_on_drop(true)
            .status();
        let status = timeout(PATIENCE, client).await.expect("the testsuite ends in time").unwrap();
        let said = fs::read_to_string(at("output")).unwrap();
        assert!(ExitStatus::success(&status), "{status}: {said}");
        let report = fs::read_to_string(at("reports/index.json"));
        let report = report.unwrap_or_else(|error| panic!("no report ({error}): {said}"));
        serde_json::from_str::<Value>(&report).unwrap()[AGENT].take()
    }
}
