use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    process::Command,
};

/// Where a server runs, and is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub address: IpAddr,
    /// A network namespace; `None`: where we are.
    namespace: Option<String>,
}

impl Location {
    pub fn here() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), namespace: None }
    }

    pub fn in_namespace(name: &str, address: IpAddr) -> Self {
        Self { address, namespace: Some(name.to_owned()) }
    }

    /// What runs a program there: as a process of its own, whose id is the child's.
    pub fn command(&self, program: &Path) -> Command {
        let Some(name) = &self.namespace else { return Command::new(program) };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", name]).arg(program);
        command
    }
}
