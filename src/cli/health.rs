//! The `health` command: asks `/healthz` or `/readyz` of the server that runs with the same configuration.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
};

use asset_arbiter::server::{Probe, ask_health};
use clap::Args;

use super::{failed, say, serve_args::ServeArgs};

/// The flags of `health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Ask whether players may be sent to it (/readyz), not only whether it lives (/healthz)
    #[arg(long)]
    ready: bool,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

/// Returns 0 if the server is well, else 1, and prints one line either way.
pub(crate) async fn run(args: &HealthArgs, usage: &[String]) -> ExitCode {
    if !usage.is_empty() {
        return failed(usage, 1);
    }
    let target = match Target::of(&args.serve) {
        Ok(target) => target,
        Err(why) => return failed(&[why], 1),
    };
    let (probe, word) = if args.ready { (Probe::Ready, "ready") } else { (Probe::Alive, "well") };
    let url = target.url(probe);
    match ask_health(target.address, target.tls, probe).await {
        Ok(()) => {
            say::result(format!("{url} is {word}\n"));
            ExitCode::SUCCESS
        }
        Err(why) => failed(&[format!("{url}: {why}")], 1),
    }
}

/// Where a server of this configuration answers.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    address: SocketAddr,
    tls: bool,
}

impl Target {
    fn of(args: &ServeArgs) -> Result<Self, String> {
        let (flag, listen, tls) = match args.metrics_listen {
            Some(address) => ("--metrics-listen", address, false),
            None => ("--listen", args.listen, args.tls_cert.is_some()),
        };
        if listen.port() == 0 {
            return Err(format!(
                "{flag} {listen}: port 0 says nothing of where the server listens; name its port"
            ));
        }
        // With --lan it listens at loopback, too, and the private address may not be named.
        let at_loopback = args.lan && args.metrics_listen.is_none();
        let ip = if at_loopback { Ipv4Addr::LOCALHOST.into() } else { reachable(listen.ip()) };
        Ok(Self { address: SocketAddr::new(ip, listen.port()), tls })
    }

    fn url(&self, probe: Probe) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.address, probe.path())
    }
}

/// Who listens at every address is asked at loopback.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}
