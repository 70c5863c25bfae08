//! Channels inside TLS, with or without a certificate of the caller's own.

use std::sync::Arc;

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tonic::transport::{Channel, Endpoint};

use crate::certificates::Issued;
use crate::server::Server;

/// Connects to a server inside TLS, and shows this certificate.
///
/// # Panics
///
/// When there is no connection.
pub async fn channel(server: &Server, authority: &str, own: Option<&Issued>) -> Channel {
    let config = Arc::new(config(authority, own));
    let port = server.port();
    let connector = tower::service_fn(move |_: http::Uri| {
        let tls = TlsConnector::from(Arc::clone(&config));
        async move {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            let host = ServerName::try_from("localhost").expect("a name");
            tls.connect(host, stream).await.map(TokioIo::new)
        }
    });
    let endpoint = Endpoint::from_shared(server.url()).expect("the server's URL is one");
    endpoint.connect_with_connector(connector).await.expect("the server can be reached")
}

fn config(authority: &str, own: Option<&Issued>) -> ClientConfig {
    let certificate =
        |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate in PEM");
    let mut roots = RootCertStore::empty();
    roots.add(certificate(authority)).expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions of TLS").with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key in PEM");
            builder
                .with_client_auth_cert(vec![certificate(&own.cert)], key)
                .expect("a certificate and its key")
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}
