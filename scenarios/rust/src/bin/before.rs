//! Before: one query for the projects, then one for the tasks of each (N+1).

use std::sync::Arc;

use shop::{serve, Listed, Project};
use tokio_postgres::Client;

async fn list(client: Arc<Client>, limit: i64) -> Listed {
    let mut projects = Vec::new();
    for row in client.query("SELECT id, title FROM project ORDER BY id LIMIT $1", &[&limit]).await? {
        let id: i64 = row.get(0);
        let tasks = client.query("SELECT title FROM task WHERE project_id = $1 ORDER BY id", &[&id]).await?;
        projects.push(Project { id, title: row.get(1), tasks: tasks.iter().map(|task| task.get(0)).collect() });
    }
    Ok(projects)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    serve(list)
}
