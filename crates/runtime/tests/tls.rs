//! TLS and mutual TLS between services: who is served, who is not, and which file is to blame.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use elate_rpc::auth::{NoKeys, WithServiceToken};
use elate_rpc::client::ClientTls;
use elate_rpc::health::Readiness;
use elate_rpc::{ClientConfig, Secret, Stack, client, edge};
use elate_runtime::server::{Port, ServerTls};
use elate_testkit::certificates::Authority;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, RoutesBuilder};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Server {
    async fn start(tls: ServerTls) -> Self {
        let mut routes = RoutesBuilder::from(Routes::default());
        Readiness::new(&[]).add_to(&mut routes).await;
        let authenticator = WithServiceToken::new(Secret::new("a token"), Arc::new(NoKeys));
        let grpc = Stack::new(Arc::new(authenticator)).apply(routes.routes());
        let port = Port::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let (address, stop) = (port.address(), CancellationToken::new());
        let (router, stopped) = (edge::router(grpc, axum::Router::new()), stop.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { port.serve(router, Some(&tls), stopped).await.unwrap() });
        Self { address, stop, tasks }
    }

    /// Asks for the health as another service would; the scheme says whether under TLS.
    async fn ask(&self, scheme: &str, tls: ClientTls) -> Result<(), Status> {
        let url = format!("{scheme}://localhost:{}", self.address.port());
        let config = ClientConfig { url, tls, ..ClientConfig::default() };
        let channel = client::connect(&config, Some(Secret::new("a token"))).unwrap();
        HealthClient::new(channel).check(HealthCheckRequest::default()).await.map(drop)
    }

    async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap();
    }
}

/// No answer came: how the transport tells of it depends on when the connection broke.
fn is_broken(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown) && status.metadata().is_empty()
}

fn trusting(ca_file: PathBuf) -> ClientTls {
    ClientTls { ca_file: Some(ca_file), ..Default::default() }
}

#[tokio::test]
async fn under_tls_only_those_are_served_who_speak_it_and_trust_the_authority() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let files = ours.files("server", &ours.server(&["localhost"]));
    let tls = ServerTls { cert_file: Some(files.cert), key_file: Some(files.key), client_ca_file: None };
    let server = Server::start(tls).await;
    server.ask("https", trusting(ours.file())).await.unwrap();

    for (scheme, tls) in [
        ("http", Default::default()),
        ("https", trusting(theirs.file())),
        ("https", ClientTls { domain: Some("events.example.com".to_owned()), ..trusting(ours.file()) }),
    ] {
        let status = server.ask(scheme, tls.clone()).await.unwrap_err();
        assert!(is_broken(&status), "{scheme} {tls:?}: {status:?}");
    }
    // Those who came in vain have harmed nobody.
    server.ask("https", trusting(ours.file())).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn under_mutual_tls_only_clients_of_the_authority_are_served() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let files = ours.files("server", &ours.server(&["localhost"]));
    let server = Server::start(ServerTls {
        cert_file: Some(files.cert),
        key_file: Some(files.key),
        client_ca_file: Some(ours.file()),
    })
    .await;
    let with = |authority: &Authority| {
        let files = authority.files("journeys", &authority.client("journeys"));
        ClientTls { cert_file: Some(files.cert), key_file: Some(files.key), ..trusting(ours.file()) }
    };
    server.ask("https", with(&ours)).await.unwrap();
    for (tls, who) in [(trusting(ours.file()), "without a certificate"), (with(&theirs), "a stranger's")] {
        let status = server.ask("https", tls).await.unwrap_err();
        assert!(is_broken(&status), "{who}: {status:?}");
    }
    let status = server.ask("http", Default::default()).await.unwrap_err();
    assert!(is_broken(&status), "in plain text: {status:?}");
    server.ask("https", with(&ours)).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn the_server_names_the_file_that_is_of_no_use() {
    let authority = Authority::new("ours");
    let good = authority.files("good", &authority.server(&["localhost"]));
    let other = authority.files("other", &authority.server(&["localhost"]));
    let nonsense = authority.write("nonsense.pem", "nothing of use\n");
    let missing = PathBuf::from("/nowhere/server.pem");
    for (cert, key, clients, named) in [
        (&missing, &good.key, None, "/nowhere/server.pem"),
        (&nonsense, &good.key, None, "nonsense.pem"),
        (&good.cert, &nonsense, None, "nonsense.pem"),
        (&good.cert, &missing, None, "/nowhere/server.pem"),
        (&good.cert, &other.key, None, "other.key"),
        (&good.cert, &good.key, Some(&nonsense), "nonsense.pem"),
        (&good.cert, &good.key, Some(&missing), "/nowhere/server.pem"),
    ] {
        let tls = ServerTls {
            cert_file: Some(cert.clone()),
            key_file: Some(key.clone()),
            client_ca_file: clients.cloned(),
        };
        let port = Port::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let served = port.serve(axum::Router::new(), Some(&tls), CancellationToken::new()).await;
        let text = served.unwrap_err().to_string();
        assert!(text.contains(named), "{text} does not name {named}");
    }
}

#[tokio::test]
async fn the_client_names_the_file_that_is_of_no_use() {
    let authority = Authority::new("ours");
    let good = authority.files("good", &authority.client("journeys"));
    let nonsense = authority.write("nonsense.pem", "nothing of use\n");
    let missing = PathBuf::from("/nowhere/ca.pem");
    let pair = |cert: &PathBuf, key: &PathBuf| ClientTls {
        cert_file: Some(cert.clone()),
        key_file: Some(key.clone()),
        ..trusting(authority.file())
    };
    for (tls, named) in [
        (trusting(missing), "/nowhere/ca.pem"),
        (trusting(nonsense.clone()), "nonsense.pem"),
        // A key in place of a certificate.
        (trusting(good.key.clone()), "good.key"),
        (pair(&good.key, &good.key), "good.key"),
        (pair(&good.cert, &good.cert), "good.pem"),
        (pair(&good.cert, &nonsense), "nonsense.pem"),
        (ClientTls { key_file: None, ..pair(&good.cert, &good.key) }, "key_file"),
    ] {
        let config = ClientConfig { url: "https://localhost:1".to_owned(), tls, ..ClientConfig::default() };
        let text = client::connect(&config, None).unwrap_err().to_string();
        assert!(text.contains(named), "{text} does not name {named}");
    }
}
