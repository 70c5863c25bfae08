//! Where requests go: the ledger or the echo, each over one connection.

use std::time::Duration;

use custody_tests::server::{ORIGIN, Server};
use custody_wire::v1::query_client::QueryClient;
use custody_wire::v1::recorder_client::RecorderClient;
use custody_wire::v1::{FindRequest, Log};
use tokio::runtime::Runtime;
use tonic::transport::Channel;

use crate::echo::Echo;

/// Between two looks at how far the index is: asking must not keep it from its work.
const PAUSE: Duration = Duration::from_millis(10);

/// One connection.
pub(crate) struct Target {
    channel: Channel,
}

impl Target {
    pub(crate) fn ledger(runtime: &Runtime, server: &Server) -> Self {
        Self::connect(runtime, server.url())
    }

    pub(crate) fn echo(runtime: &Runtime, echo: &Echo) -> Self {
        Self::connect(runtime, echo.url())
    }

    fn connect(runtime: &Runtime, url: String) -> Self {
        let endpoint = Channel::from_shared(url).expect("a URL").tcp_nodelay(true);
        let channel = runtime.block_on(endpoint.connect()).expect("the server can be reached");
        Self { channel }
    }

    pub(crate) fn recorder(&self) -> RecorderClient<Channel> {
        RecorderClient::new(self.channel.clone()).max_decoding_message_size(4 << 20)
    }

    pub(crate) fn query(&self) -> QueryClient<Channel> {
        QueryClient::new(self.channel.clone()).max_decoding_message_size(8 << 20)
    }

    /// Waits until every entry is searched by the facts index, and returns how many there are.
    pub(crate) fn wait_until_indexed(&self, runtime: &Runtime) -> u64 {
        runtime.block_on(async {
            let mut query = self.query();
            loop {
                let condition =
                    custody_wire::v1::Condition { field: "environment".into(), value: "nowhere".into() };
                let request =
                    FindRequest { log: Some(log()), conditions: vec![condition], ..FindRequest::default() };
                // It waits for the index by itself, up to a limit.
                if let Ok(answer) = query.find(request).await
                    && let Some(as_of) = answer.into_inner().as_of
                    && as_of.indexed_to >= newest(&as_of.checkpoint)
                {
                    return as_of.indexed_to;
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }
}

/// Returns the log that every request names.
pub(crate) fn log() -> Log {
    Log { origin: ORIGIN.to_owned(), min_size: 0 }
}

/// The tree size in the second line of a checkpoint (C2SP tlog-checkpoint).
fn newest(checkpoint: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(checkpoint);
    text.lines().nth(1).and_then(|line| line.parse().ok()).expect("a checkpoint has a size")
}
