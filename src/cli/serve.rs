//! `dialogporten serve`

use std::future::Future;
use std::io::Write;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::{Mode, ServeSettings};
use crate::server::{self, Database, Reloader, Server, StartFailure};
use crate::telemetry;

/// Serves until the program is told to stop.
pub async fn serve(settings: &ServeSettings) -> Result<(), StartFailure> {
    telemetry::start(&settings.log);
    server::check(settings)?;
    let stop = stop_signal()?;
    let database = Database::open(&settings.database).await?;
    let server = match Server::start(settings, database.store.clone(), Clock::system()).await {
        Ok(server) => server,
        Err(failure) => {
            database.close().await;
            return Err(failure);
        }
    };
    tracing::info!(address = %server.address, "serving");
    let default_delay = if settings.mode() == Mode::Sandbox {
        print_banner(&server.public_url);
        0
    } else {
        10
    };
    reload_on_hangup(server.reloader())?;
    let delay = Duration::from_secs(settings.shutdown_delay.unwrap_or(default_delay));
    server.run_until(stop, delay).await;
    database.close().await;
    Ok(())
}

/// Comes with the first SIGINT or SIGTERM; the second ends the program at once.
fn stop_signal() -> Result<impl Future<Output = ()>, StartFailure> {
    let failure =
        |error: std::io::Error| StartFailure::Setting(format!("signals cannot be received: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failure)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failure)?;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let mut count = 0;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            count += 1;
            if count > 1 {
                std::process::exit(130);
            }
            let _ = sender.send(()).await;
        }
    });
    Ok(async move {
        let _ = receiver.recv().await;
    })
}

/// On SIGHUP the catalogue, or the registry of resources, is read again.
fn reload_on_hangup(reloader: Reloader) -> Result<(), StartFailure> {
    let mut hangup = signal(SignalKind::hangup())
        .map_err(|error| StartFailure::Setting(format!("signals cannot be received: {error}")))?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match reloader.reload().await {
                Ok(()) => tracing::info!("read again"),
                Err(error) => tracing::error!(%error, "could not be read again"),
            }
        }
    });
    Ok(())
}

/// What a newcomer needs: two commands that work when pasted.
fn print_banner(url: &str) {
    // Whoever started the service may have closed its output; it serves all the same.
    let _ = writeln!(
        std::io::stdout(),
        r#"
Dialogporten sandbox on {url}
No real data here: the sandbox gives a token to everybody who asks.

Create a dialog as the service owner ttd:

curl -sS {url}/api/v1/serviceowner/dialogs \
  -H "Authorization: Bearer $(curl -sS -u sandbox:sandbox '{url}/api/GetEnterpriseToken?env=at23&org=ttd&orgNo=991825827&scopes=digdir:dialogporten.serviceprovider')" \
  -H 'Content-Type: application/json' -d '{{
    "serviceResource": "urn:altinn:resource:ttd-dialogporten-automated-tests",
    "party": "urn:altinn:person:identifier-no:08844397713",
    "status": "RequiresAttention",
    "content": {{
      "title": {{ "value": [{{ "languageCode": "en", "value": "Your application" }}] }},
      "summary": {{ "value": [{{ "languageCode": "en", "value": "We need one more document." }}] }}
    }}
  }}'

Find and read it as the citizen it concerns:

curl -sS '{url}/api/v1/enduser/dialogs?party=urn:altinn:person:identifier-no:08844397713&limit=1' \
  -H "Authorization: Bearer $(curl -sS -u sandbox:sandbox '{url}/api/GetPersonalToken?env=at23&pid=08844397713&scopes=digdir:dialogporten')"

API documents: {url}/openapi/v1.json        Stop: Ctrl-C
"#
    );
}
