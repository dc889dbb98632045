//! The commands.

mod docs;
pub mod events;
mod health;
mod openapi;
mod reindex;
mod seed;
mod serve;
mod token;

use std::process::ExitCode;

use crate::access::dialog_token::DialogTokenKey;
use crate::config::{self, Command, CommandLine, DatabaseSettings};
use crate::server::{Database, StartFailure};

/// Runs one command.
///
/// # Errors
/// What is to be shown to the user before the program ends with a failure.
pub async fn run(command_line: CommandLine) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command_line.command {
        None => serve::serve(&command_line.serve).await?,
        Some(Command::Serve(settings)) => serve::serve(&settings).await?,
        Some(Command::Migrate(settings)) => migrate(&settings).await?,
        Some(Command::Token(settings)) => println!("{}", token::token(&settings).await?),
        Some(Command::Events(settings)) => println!("{}", events::events(&settings).await?),
        Some(Command::Seed(settings)) => seed::seed(&settings).await?,
        Some(Command::Reindex(settings)) => reindex::reindex(&settings).await?,
        Some(Command::Health(settings)) => health::health(settings.listen)?,
        Some(Command::Openapi(settings)) => openapi::openapi(&settings.out)?,
        Some(Command::Docs(settings)) => docs::docs(&settings.out)?,
        Some(Command::Key) => println!("{}", key()?),
        Some(Command::Settings) => print!("{}", config::reference()),
    }
    Ok(ExitCode::SUCCESS)
}

/// A new private key for dialog tokens.
fn key() -> Result<serde_json::Value, Box<dyn std::error::Error>> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "the machine gives no randomness")?;
    Ok(DialogTokenKey::private_jwk(&bytes)?)
}

async fn migrate(settings: &DatabaseSettings) -> Result<(), StartFailure> {
    let database = Database::open(settings).await?;
    database.close().await;
    println!("The database schema is up to date.");
    Ok(())
}
