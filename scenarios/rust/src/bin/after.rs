//! After: one query for the projects, one for the tasks of all of them.

use std::collections::HashMap;
use std::sync::Arc;

use shop::{serve, Listed, Project};
use tokio_postgres::Client;

async fn list(client: Arc<Client>, limit: i64) -> Listed {
    let rows = client.query("SELECT id, title FROM project ORDER BY id LIMIT $1", &[&limit]).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let found = "SELECT project_id, title FROM task WHERE project_id = ANY($1) ORDER BY id";
    let mut tasks: HashMap<i64, Vec<String>> = HashMap::new();
    for row in client.query(found, &[&ids]).await? {
        tasks.entry(row.get(0)).or_default().push(row.get(1));
    }
    let project = |row: &tokio_postgres::Row| {
        let id = row.get(0);
        Project { id, title: row.get(1), tasks: tasks.remove(&id).unwrap_or_default() }
    };
    Ok(rows.iter().map(project).collect())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    serve(list)
}
