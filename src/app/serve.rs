//! `diptych serve`: opens the library, opens both doors, and closes all of it in order.

use std::sync::Arc;
use std::time::Duration;

use super::progress::Progress;
use super::{control, keys, verbs};
use crate::config::Config;
use crate::config::ServeArgs;
use crate::http::{self, BoxFuture, Failure, Listener, ListenerConfig, Request, Response, Service};
use crate::hydrus::HydrusDoor;
use crate::library::{Error, Library, ScanRequest, Settings, logs};
use crate::stash::StashDoor;

/// Serves until SIGTERM or SIGINT.
pub(super) fn serve(args: &ServeArgs) -> Result<(), String> {
    let config = Arc::new(Config::load(args).map_err(|error| error.to_string())?);
    logs::start(&config.log_level);
    let library = Library::open(Settings::new(&config)).map_err(|error| match error {
        crate::library::Error::Store(error) => {
            format!("{}: {error}; `diptych check --data {0}` examines it", config.data.display())
        }
        other => format!("{}: {other}", config.data.display()),
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(usize::try_from(config.limits.concurrency).unwrap_or(512).max(16))
        .build()
        .map_err(|error| error.to_string())?;
    let outcome = runtime.block_on(open_doors(&config, &library));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    let closed = library.close().map_err(|error| error.to_string());
    outcome.and(closed)
}

async fn open_doors(config: &Arc<Config>, library: &Arc<Library>) -> Result<(), String> {
    let (_trigger, shutdown) = http::shutdown_on_signals().map_err(|error| error.to_string())?;
    let hydrus = HydrusDoor::new(Arc::clone(library), config).map_err(|error| error.to_string())?;
    let hydrus = Arc::new(hydrus);
    let stash = StashDoor::new(Arc::clone(library), config).map_err(|error| error.to_string())?;
    let stash = Arc::new(stash);
    // Before anyone is told where to knock.
    let first_key = keys::ensure_first(library, config).map_err(|error| error.to_string())?;
    let mut serving = Vec::new();
    let scheme = if config.tls.certificate.is_some() { "https" } else { "http" };
    if config.shares_listener() {
        let listener = bind(config.hydrus_listener()).await?;
        let address = listener.address();
        super::tell(&format!("Hydrus Client API on {scheme}://{address}"));
        super::tell(&format!("Stash GraphQL API on {scheme}://{address}"));
        let both: Arc<dyn Service> = Arc::new(BothDoors { hydrus, stash });
        serving.push(tokio::spawn(listener.serve(both, shutdown.clone())));
    } else {
        let first = bind(config.hydrus_listener()).await?;
        let second = bind(config.stash_listener()).await?;
        super::tell(&format!("Hydrus Client API on {scheme}://{}", first.address()));
        super::tell(&format!("Stash GraphQL API on {scheme}://{}", second.address()));
        serving.push(tokio::spawn(first.serve(hydrus, shutdown.clone())));
        serving.push(tokio::spawn(second.serve(stash, shutdown.clone())));
    }
    for sentence in exposure(config) {
        super::tell(sentence);
    }
    if let Some(key) = first_key {
        let kept = config.data.join("access_key");
        super::tell(&format!("Access key (kept in {}): {key}", kept.display()));
    }
    let _control = control::listen(config, library)
        .map_err(|error| format!("{}: {error}", config.data.display()))?;
    take_in_folders(config, library)?;
    // What was queued when the server last ended.
    library.work_imports();
    let upkeep = tokio::spawn(keep_up(Arc::clone(library)));
    shutdown.wait().await;
    upkeep.abort();
    for door in serving {
        // A door that panicked has logged it; the other one is closed all the same.
        let _ = door.await;
    }
    Ok(())
}

/// What a person should know who lets other machines in.
fn exposure(config: &Config) -> impl Iterator<Item = &'static str> {
    let is_open = |address: std::net::SocketAddr| !address.ip().to_canonical().is_loopback();
    let hydrus = is_open(config.hydrus.listen).then_some(match config.hydrus.allow_remote {
        true => "Other machines can reach the Hydrus door: every key opens it",
        false => "Other machines are refused at the Hydrus door (hydrus.allow_remote is false)",
    });
    let stash = is_open(config.stash.listen).then_some(
        "Other machines can reach the Stash door: those of private networks as long as it has no \
         credentials",
    );
    hydrus.into_iter().chain(stash)
}

async fn bind(listener: ListenerConfig) -> Result<Listener, String> {
    Listener::bind(listener).await.map_err(|error| error.to_string())
}

/// How often the trash is emptied and blobs are swept.
const UPKEEP_EVERY: Duration = Duration::from_secs(3600);

async fn keep_up(library: Arc<Library>) {
    loop {
        tokio::time::sleep(UPKEEP_EVERY).await;
        library.queue_maintenance();
    }
}

/// Adds the folders named at the start and scans them in the background.
fn take_in_folders(config: &Config, library: &Arc<Library>) -> Result<(), String> {
    if config.library.folders.is_empty() {
        return Ok(());
    }
    for folder in &config.library.folders {
        std::path::absolute(folder)
            .map_err(|error| Error::File { context: String::new(), error })
            .and_then(|path| library.add_library_folder(&path, false, false))
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let job = verbs::queue_scan(library, ScanRequest::default());
    let library = Arc::clone(library);
    let watch = move || {
        let mut progress = Progress::new("scan");
        let ended = verbs::follow(&library, job, &mut |job| progress.at(job));
        progress.finish(&ended.unwrap_or_else(|reason| reason));
    };
    std::thread::Builder::new()
        .name("scan-progress".to_owned())
        .spawn(watch)
        .map_err(|error| error.to_string())?;
    Ok(())
}

/// One listener for both protocols: the path decides.
struct BothDoors {
    hydrus: Arc<HydrusDoor>,
    stash: Arc<StashDoor>,
}

impl Service for BothDoors {
    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        if HydrusDoor::owns(&request.raw_path) {
            self.hydrus.call(request)
        } else {
            self.stash.call(request)
        }
    }

    fn failure(&self, failure: Failure) -> Response {
        self.hydrus.failure(failure)
    }
}
