//! The commands.

mod docs;
mod events;
mod health;
mod openapi;
mod seed;
mod serve;
mod token;

use std::process::ExitCode;

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
        Some(Command::Health(settings)) => health::health(settings.listen)?,
        Some(Command::Openapi(settings)) => openapi::openapi(&settings.out)?,
        Some(Command::Docs(settings)) => docs::docs(&settings.out)?,
        Some(Command::Settings) => print!("{}", config::reference()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn migrate(settings: &DatabaseSettings) -> Result<(), StartFailure> {
    let database = Database::open(settings).await?;
    database.close().await;
    println!("The database schema is up to date.");
    Ok(())
}
