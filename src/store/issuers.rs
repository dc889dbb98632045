//! The last good copy of what issuers of access tokens say of themselves; and secrets that all
//! instances share.

use aws_lc_rs::error::Unspecified;
use sqlx::types::Json;
use sqlx::{Row, query};

use super::{Store, StoreFailure};
use crate::altinn::IssuerDocument;
use crate::timestamp::Timestamp;

impl Store {
    /// What the issuer whose metadata is at `url` last said.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn token_issuer(&self, url: &str) -> Result<Option<IssuerDocument>, StoreFailure> {
        let select = query("select issuer, keys from token_issuer where url = $1").bind(url);
        let Some(row) = self.connections.fetch_optional(select).await? else { return Ok(None) };
        let Json(keys) = row.try_get("keys")?;
        Ok(Some(IssuerDocument { issuer: row.try_get("issuer")?, keys }))
    }

    /// Keeps what the issuer has said at `now`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_token_issuer(
        &self,
        url: &str,
        document: &IssuerDocument,
        now: Timestamp,
    ) -> Result<(), StoreFailure> {
        let statement = "insert into token_issuer (url, issuer, keys, fetched_at) values ($1, $2, $3, $4)
            on conflict (url) do update
            set issuer = excluded.issuer, keys = excluded.keys, fetched_at = excluded.fetched_at";
        let insert =
            query(statement).bind(url).bind(&document.issuer).bind(Json(&document.keys)).bind(now.utc());
        self.connections.execute(insert).await?;
        Ok(())
    }

    /// The secret of this name, 32 random bytes, made by the first instance that asks.
    ///
    /// # Errors
    /// When the database does not answer, or there is no randomness.
    pub async fn shared_secret(&self, name: &str) -> Result<Vec<u8>, StoreFailure> {
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random)
            .map_err(|Unspecified| StoreFailure::Damaged("the machine gives no randomness".to_owned()))?;
        // The update changes nothing, and makes the statement give the value that is there.
        let statement = "insert into secret (name, value) values ($1, $2)
            on conflict (name) do update set value = secret.value returning value";
        let row = self.connections.fetch_one(query(statement).bind(name).bind(&random[..])).await?;
        Ok(row.try_get("value")?)
    }
}
