use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{cannot_have, eventually, in_cache, on_path, path, process};

/// A program of Debian's package `prometheus`.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = on_path(name).or_else(|| in_cache("promtool", &format!("usr/bin/{name}")));
    if found.is_none() {
        cannot_have(name, "install Debian's package prometheus, or run ./test.sh");
    }
    found
}

/// Whether promtool has nothing to complain of, and what it says.
pub fn promtool(args: &[&str], folder: &Path) -> Option<(bool, String)> {
    let output = Command::new(program("promtool")?).args(args).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8(text).unwrap()))
}

/// A Prometheus that scrapes every second.
pub struct Prometheus {
    address: SocketAddr,
    process: process::Process,
    folder: TempDir,
    targets: Mutex<Vec<Value>>,
}

impl Prometheus {
    /// Starts one with these rules, and with a job called asset-arbiter.
    pub fn start(binary: &Path, rules: &str) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), process::free_port());
        let config = "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nrule_files: [rules.yaml]\n\
                      scrape_configs:\n  - job_name: asset-arbiter\n    file_sd_configs:\n      \
                      - {files: [targets.json], refresh_interval: 1s}\n";
        let file = folder.path().join("prometheus.yaml");
        fs::write(folder.path().join("rules.yaml"), rules).unwrap();
        fs::write(folder.path().join("targets.json"), "[]").unwrap();
        fs::write(&file, config).unwrap();
        let args = [
            format!("--config.file={}", path(&file)),
            format!("--storage.tsdb.path={}", path(&folder.path().join("data"))),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=warn".to_owned(),
        ];
        let process = process::Process::start(binary, &args, folder.path());
        Self { address: ([127, 0, 0, 1], port).into(), process, folder, targets: Mutex::default() }
    }

    /// Begins to scrape an instance, and waits until it has twice: a counter rises only after that.
    pub async fn scrape(&self, instance: &str, address: SocketAddr) {
        let target = json!({"targets": [address.to_string()], "labels": {"instance": instance}});
        let (now, new) = (self.folder.path().join("targets.json"), self.folder.path().join("targets.new"));
        {
            let mut targets = self.targets.lock().unwrap();
            targets.push(target);
            fs::write(&new, serde_json::to_vec(&*targets).unwrap()).unwrap();
            fs::rename(&new, &now).unwrap();
        }
        let query = format!("sum_over_time(up{{instance=\"{instance}\"}}[1m]) > 1");
        let what = format!("{instance} at {address} to be scraped: {}", self.process.output());
        eventually(&what, async || self.query(&query).await.ok().filter(|found| !found.is_empty())).await;
    }

    /// What the API answers to a path below `/api/v1/`, once it answers.
    pub async fn api(&self, path: &str) -> Result<Value, String> {
        let answer = eventually("Prometheus to answer", async || {
            let answer = self.ask(path).await.ok()?;
            let (_, body) = answer.split_once("\r\n\r\n")?;
            serde_json::from_str::<Value>(body).ok()
        });
        let answer = answer.await;
        if answer["status"] == "success" {
            Ok(answer["data"].clone())
        } else {
            Err(format!("{path}: {answer}"))
        }
    }

    /// The answer to a query, as of now.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let data = self.api(&format!("query?query={}", escaped(query))).await?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// All series that a selector takes.
    pub async fn series(&self, selector: &str) -> Vec<Value> {
        let data = self.api(&format!("series?match[]={}", escaped(selector))).await;
        data.unwrap().as_array().unwrap().clone()
    }

    /// What it logged.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// By HTTP/1.0, so that the answer ends with the connection.
    async fn ask(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(format!("GET /api/v1/{path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
