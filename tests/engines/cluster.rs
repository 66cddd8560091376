use std::time::Duration;

use super::redis::{Engine, Server};

/// A cluster of masters, each with the same number of replicas.
pub struct Cluster {
    pub masters: Vec<Server>,
    /// In the order of masters.
    pub replicas: Vec<Server>,
}

const SLOTS: usize = 16384;
/// A node that is silent for so long is taken for gone.
const NODE_TIMEOUT: &str = "1000";

impl Cluster {
    pub async fn start(engine: &Engine, masters: usize, replicas_each: usize) -> Self {
        let node = || {
            engine.start_with(
                &[
                    &["--save", "", "--appendonly", "no", "--cluster-enabled", "yes"][..],
                    &["--cluster-node-timeout", NODE_TIMEOUT, "--repl-diskless-sync-delay", "0"],
                ]
                .concat(),
            )
        };
        let cluster = Self {
            masters: (0..masters).map(|_| node()).collect(),
            replicas: (0..masters * replicas_each).map(|_| node()).collect(),
        };
        cluster.introduce();
        cluster.wait_until_known().await;
        cluster.attach_replicas(replicas_each);
        cluster.wait_until_ok().await;
        cluster
    }

    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.masters.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    pub fn nodes(&self) -> impl Iterator<Item = &Server> {
        self.masters.iter().chain(&self.replicas)
    }

    /// Which of the masters had a key's slot at the start.
    pub fn master_of(&self, key: &str) -> usize {
        let slot: usize = self.masters[0].ask(&["CLUSTER", "KEYSLOT", key]);
        (0..self.masters.len()).find(|&master| slots_of(master, self.masters.len()).contains(&slot)).unwrap()
    }

    /// Moves a key's slot with all that is in it, one key at a time, and lets everyone know.
    pub async fn move_slot(&self, key: &str, from: usize, to: usize) {
        let (from, to) = (&self.masters[from], &self.masters[to]);
        let slot = from.ask::<u16>(&["CLUSTER", "KEYSLOT", key]).to_string();
        let (from_id, to_id): (String, String) = (from.ask(&["CLUSTER", "MYID"]), to.ask(&["CLUSTER", "MYID"]));
        to.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
        from.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
        let pause = || tokio::time::sleep(Duration::from_millis(5));
        pause().await;
        for key in from.ask::<Vec<String>>(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]) {
            from.ask::<()>(&["MIGRATE", "127.0.0.1", &to.port.to_string(), &key, "0", "5000"]);
            pause().await;
        }
        for node in [to, from].into_iter().chain(&self.masters) {
            node.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
        }
        pause().await;
    }

    fn introduce(&self) {
        for (number, node) in self.nodes().enumerate() {
            node.ask::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            if number > 0 {
                self.masters[0].ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]);
            }
        }
        for (number, master) in self.masters.iter().enumerate() {
            let slots = slots_of(number, self.masters.len());
            let (first, last) = (slots.start.to_string(), (slots.end - 1).to_string());
            master.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
    }

    fn attach_replicas(&self, each: usize) {
        for (number, replica) in self.replicas.iter().enumerate() {
            let id: String = self.masters[number / each].ask(&["CLUSTER", "MYID"]);
            replica.ask::<()>(&["CLUSTER", "REPLICATE", &id]);
        }
    }

    async fn wait_until_known(&self) {
        let all = self.nodes().count().to_string();
        for node in self.nodes() {
            node.wait_for(&["CLUSTER", "INFO"], "cluster_known_nodes", &all).await;
            node.wait_for(&["CLUSTER", "INFO"], "cluster_state", "ok").await;
        }
    }

    async fn wait_until_ok(&self) {
        for node in &self.replicas {
            node.wait_for(&["INFO", "replication"], "master_link_status", "up").await;
        }
        for node in self.nodes() {
            node.wait_for(&["CLUSTER", "INFO"], "cluster_state", "ok").await;
        }
    }
}

fn slots_of(master: usize, masters: usize) -> std::ops::Range<usize> {
    SLOTS * master / masters..SLOTS * (master + 1) / masters
}
