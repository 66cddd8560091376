use std::{convert::Infallible, sync::Arc};

use axum::Router;
use futures::future::select_all;
use tokio::net::TcpListener;

use super::{
    App, Listeners,
    accept::accept,
    connection_limit::ConnectionLimit,
    overview::node_name,
    routes::{self, Served},
    tls::Tls,
};
use crate::model::limits::MONITORS;

/// What the connections of a listener are served.
pub(super) struct Port {
    pub(super) router: Router,
    /// `None`: the port speaks plain HTTP.
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) connections: Arc<ConnectionLimit>,
}

/// Every listener with its port.
pub(super) struct Ports(Vec<(TcpListener, Arc<Port>)>);

impl Ports {
    pub(super) fn new(app: &Arc<App>, Listeners { players, metrics }: Listeners) -> Self {
        let served = if metrics.is_some() { Served::Players } else { Served::All };
        let (tls, connections) = (app.tls.clone(), Arc::clone(&app.tcp_connections));
        let port = Arc::new(Port { router: routes::router(app, served), tls, connections });
        let mut ports: Vec<_> = players.into_iter().map(|listener| (listener, Arc::clone(&port))).collect();
        let node = node_name(app);
        ports.iter().for_each(|(listener, port)| log("listening", listener, port, &node));
        // Players who fill the node do not keep monitoring out.
        ports.extend(metrics.map(|listener| {
            let connections = ConnectionLimit::new(MONITORS);
            let port = Arc::new(Port { router: routes::router(app, Served::Metrics), tls: None, connections });
            log("listening for metrics", &listener, &port, &node);
            (listener, port)
        }));
        Self(ports)
    }

    /// Accepts connections on every port.
    pub(super) async fn accept(&self, app: &Arc<App>) -> Infallible {
        let each = self.0.iter().map(|(listener, port)| Box::pin(accept(listener, app, port)));
        select_all(each).await.0
    }
}

fn log(message: &str, listener: &TcpListener, port: &Port, node: &str) {
    if let Ok(address) = listener.local_addr() {
        let scheme = if port.tls.is_some() { "https" } else { "http" };
        tracing::info!(%address, url = format!("{scheme}://{address}"), node, "{message}");
    }
}
