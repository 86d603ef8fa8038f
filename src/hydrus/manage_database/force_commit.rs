//! `POST /manage_database/force_commit`: every write is on disk before it is answered; this waits for those under way.

use crate::hydrus::answer::Answer;
use crate::hydrus::context::Context;
use crate::hydrus::endpoint::{Access, Endpoint, Permission};
use crate::hydrus::error::Rejection;
use crate::hydrus::params::Params;

/// The row of the table.
pub const ENDPOINT: Endpoint = Endpoint::post(
    "/manage_database/force_commit",
    Access::Needs(Permission::ManageDatabase),
    &[],
    call,
);

fn call(context: &Context, _: &Params) -> Result<Answer, Rejection> {
    // It waits its turn behind the writes before it: all of them are on disk then.
    context.library().write(|_| Ok(()))?;
    Ok(Answer::Empty)
}
