//! The worker processes, as the benchmark sees them.

use std::{env, net::SocketAddr, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::protocol::{Order, Report};

/// The hidden first word of a worker's command line.
pub(crate) const WORKER: &str = "--worker";

pub(crate) struct Crew {
    workers: Vec<(Child, ChildStdin)>,
    /// Players of each worker.
    share: u32,
    reports: mpsc::UnboundedReceiver<Report>,
    /// Reports that nobody has waited for yet.
    early: Vec<Report>,
}

impl Crew {
    /// Starts workers for that many players in rooms of that size.
    pub(crate) fn start(workers: usize, players: u32, room_size: u32, nodes: &[SocketAddr]) -> Self {
        let share = players.div_ceil(workers as u32);
        let (tell, reports) = mpsc::unbounded_channel();
        let start = |worker: u32| {
            let first = (worker * share).min(players);
            let count = share.min(players - first);
            let mut command = Command::new(env::current_exe().unwrap());
            command.arg(WORKER).args([first, count, room_size].map(|number| number.to_string()));
            command.args(nodes.iter().map(ToString::to_string));
            let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
            let mut child = pipes.spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let tell = tell.clone();
            tokio::spawn(async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    drop(tell.send(serde_json::from_str(&line).unwrap()));
                }
                drop(tell.send(Report::Broken(format!("the worker of players {first} and on ended"))));
            });
            let orders = child.stdin.take().unwrap();
            (child, orders)
        };
        Self { workers: (0..workers as u32).map(start).collect(), share, reports, early: Vec::new() }
    }

    pub(crate) fn ids(&self) -> Vec<u32> {
        self.workers.iter().filter_map(|(child, _)| child.id()).collect()
    }

    /// Has all workers do something, and waits for an answer of each.
    pub(crate) async fn all<T>(
        &mut self,
        order: Order,
        within: Duration,
        answer: impl FnMut(&Report) -> Option<T>,
    ) -> Result<Vec<T>, String> {
        for worker in 0..self.workers.len() {
            self.order(worker, &order).await;
        }
        self.answers(&format!("{order:?}"), self.workers.len(), within, answer).await
    }

    /// Has everybody listen for a grant. Returns the number of workers that will tell, and of players who listen.
    pub(crate) async fn watch(&mut self, rooms: &[u32], asset: &str) -> Result<(usize, usize), String> {
        let order = Order::Watch { rooms: rooms.to_vec(), asset: asset.to_owned() };
        let members = |report: &Report| match report {
            Report::Watching { members } => Some(*members),
            _ => None,
        };
        let members = self.all(order, SOON, members).await?;
        Ok((members.iter().filter(|&&members| members > 0).count(), members.iter().sum()))
    }

    /// Sends the players' selects, all workers at once. Returns the number of workers that will say when.
    pub(crate) async fn select(&mut self, asset: &str, players: &[u32]) -> usize {
        let mut asked = 0;
        for worker in 0..self.workers.len() {
            let own = worker as u32 * self.share..(worker as u32 + 1) * self.share;
            let players: Vec<_> = players.iter().copied().filter(|player| own.contains(player)).collect();
            if !players.is_empty() {
                self.order(worker, &Order::Select { asset: asset.to_owned(), players }).await;
                asked += 1;
            }
        }
        asked
    }

    /// Waits for that many reports of a kind.
    pub(crate) async fn answers<T>(
        &mut self,
        what: &str,
        count: usize,
        within: Duration,
        mut answer: impl FnMut(&Report) -> Option<T>,
    ) -> Result<Vec<T>, String> {
        let (mut answers, deadline) = (Vec::new(), Instant::now() + within);
        self.early.retain(|report| {
            let found = if answers.len() < count { answer(report) } else { None };
            let keep = found.is_none();
            answers.extend(found);
            keep
        });
        while answers.len() < count {
            let Ok(report) = timeout_at(deadline, self.reports.recv()).await else {
                return Err(format!("{what}: {} of {count} answers within {within:?}", answers.len()));
            };
            match report.ok_or("all workers ended")? {
                Report::Broken(what) => return Err(what),
                report => match answer(&report) {
                    Some(found) => answers.push(found),
                    None => self.early.push(report),
                },
            }
        }
        Ok(answers)
    }

    /// How many reports of a kind have come and were not waited for.
    pub(crate) fn count(&mut self, is_it: impl Fn(&Report) -> bool) -> Result<usize, String> {
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Broken(what) => return Err(what),
                report => self.early.push(report),
            }
        }
        Ok(self.early.iter().filter(|report| is_it(report)).count())
    }

    async fn order(&mut self, worker: usize, order: &Order) {
        let mut line = serde_json::to_vec(order).unwrap();
        line.push(b'\n');
        // A worker that has ended is reported by its end.
        let _ = self.workers[worker].1.write_all(&line).await;
    }
}

/// No answer that is not measured takes longer.
pub(crate) const SOON: Duration = Duration::from_secs(30);
