//! `Job`: the queue of long work, and the mutations that start and stop it.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::edit::generate_request;
use super::scope::Scope;
use crate::graphql::{Context, Field, FieldError, Map, Object, Resolved};
use crate::library::jobs::{Job, JobStatus, JobUpdate};
use crate::library::{GenerateRequest, ScanRequest, is_inside};
use crate::model::time::{now_ms, parse_timestamp};

/// `findJob` and `jobQueue`.
pub(super) fn query<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let jobs = scope.shared.library.jobs();
    let object = |job| JobObject { scope: Rc::clone(scope), job };
    if field.name() == "jobStatus" {
        let first = jobs.list().into_iter().next();
        return Ok(Resolved::object(JobStatusObject::of(first)));
    }
    if field.name() == "findJob" {
        let id = field.arguments().map("input").and_then(|input| input.str("id"));
        let found = jobs.find(job_id(id)?);
        return Ok(found.map_or(Resolved::Null, |job| Resolved::object(object(job))));
    }
    let list = jobs.list();
    if list.is_empty() {
        return Ok(Resolved::Null);
    }
    Ok(Resolved::objects(list.into_iter().map(object)))
}

fn job_id(text: Option<&str>) -> Result<u64, FieldError> {
    let text = text.unwrap_or_default();
    text.parse().map_err(|_| {
        FieldError::new(format!("converting id: strconv.Atoi: parsing {text:?}: invalid syntax"))
    })
}

/// `metadataScan`, `stopJob` and `stopAllJobs`.
pub(super) fn mutate<'r>(scope: &Rc<Scope>, field: Field<'_>) -> Result<Resolved<'r>, FieldError> {
    let library = &scope.shared.library;
    let arguments = field.arguments();
    match field.name() {
        "metadataScan" => {
            let request = scan_request(arguments)?;
            check_paths(scope, &request.paths)?;
            let empty = Map::new();
            let input = arguments.map("input").unwrap_or(&empty);
            let generate = after_scan(scope, input);
            let scanned = Arc::clone(library);
            let id = library.jobs().add("Scanning...", move |context| {
                let report = scanned.scan(&request, context).map_err(|error| error.to_string())?;
                let Some(mut generate) = generate else { return Ok(()) };
                let view = scanned.view().map_err(|error| error.to_string())?;
                let mut scenes = Vec::new();
                for item in report.items {
                    let head = view.head_of(item).map_err(|error| error.to_string())?;
                    scenes.extend(head.filter(|head| !scenes.contains(head)));
                }
                drop(view);
                generate.scenes = Some(scenes);
                scanned.generate(&generate, context).map_err(|error| error.to_string())
            });
            Ok(Resolved::from(id.to_string()))
        }
        "metadataClean" => {
            let input = arguments.map("input");
            let paths = input.and_then(|input| input.strs("paths")).unwrap_or_default();
            let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
            check_paths(scope, &paths)?;
            let dry_run = input.and_then(|input| input.bool("dryRun")).unwrap_or(false);
            let cleaned = Arc::clone(library);
            let id = library.jobs().add("Cleaning...", move |context| {
                let done = cleaned.clean(&paths, dry_run, context);
                done.map(drop).map_err(|error| error.to_string())
            });
            Ok(Resolved::from(id.to_string()))
        }
        "stopJob" => {
            library.jobs().stop(job_id(arguments.str("job_id"))?);
            Ok(Resolved::Bool(true))
        }
        _ => {
            library.jobs().stop_all();
            Ok(Resolved::Bool(true))
        }
    }
}

fn scan_request(arguments: &Map) -> Result<ScanRequest, FieldError> {
    let empty = Map::new();
    let input = arguments.map("input").unwrap_or(&empty);
    let since = input.map("filter").and_then(|filter| filter.str("minModTime"));
    let since = since.map(|text| parse_timestamp(text, now_ms())).transpose();
    Ok(ScanRequest {
        paths: input.strs("paths").unwrap_or_default().into_iter().map(PathBuf::from).collect(),
        rescan: input.bool("rescan").unwrap_or(false),
        modified_since_ms: since.map_err(FieldError::new)?,
    })
}

/// What is to be made of the files that a scan brings; `None` for nothing. Thumbnails are always
/// drawn.
fn after_scan(scope: &Rc<Scope>, input: &Map) -> Option<GenerateRequest> {
    let mut request = generate_request(scope, &Map::new()).ok()?;
    let said = |name: &str| input.bool(name).unwrap_or(false);
    request.covers = said("scanGenerateCovers");
    request.previews = said("scanGeneratePreviews");
    request.image_previews = request.previews && said("scanGenerateImagePreviews");
    request.sprites = said("scanGenerateSprites");
    request.phashes = said("scanGeneratePhashes");
    (request.covers || request.previews || request.sprites || request.phashes).then_some(request)
}

fn check_paths(scope: &Scope, paths: &[PathBuf]) -> Result<(), FieldError> {
    let folders = scope.view.library_folders()?;
    for path in paths {
        if !folders.iter().any(|folder| is_inside(path, &folder.path)) {
            let path = path.display();
            return Err(FieldError::new(format!("stash path {path} is not in a library folder")));
        }
    }
    Ok(())
}

/// `JobStatusUpdate`.
pub(super) struct JobUpdateObject {
    kind: &'static str,
    scope: Rc<Scope>,
    job: Job,
}

/// What happened to a job.
pub(super) fn job_update(scope: &Rc<Scope>, update: &JobUpdate) -> JobUpdateObject {
    let (kind, job) = match update {
        JobUpdate::Added(job) => ("ADD", job),
        JobUpdate::Updated(job) => ("UPDATE", job),
        JobUpdate::Removed(job) => ("REMOVE", job),
    };
    JobUpdateObject { kind, scope: Rc::clone(scope), job: job.clone() }
}

impl Object for JobUpdateObject {
    fn type_name(&self) -> &'static str {
        "JobStatusUpdate"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        Ok(match field.name() {
            "type" => Resolved::from(self.kind),
            "job" => {
                let (scope, job) = (Rc::clone(&self.scope), self.job.clone());
                Resolved::object(JobObject { scope, job })
            }
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// What older clients are told of the work under way.
pub(super) struct JobStatusObject {
    job: Option<Job>,
}

impl JobStatusObject {
    /// The status while a job runs, or of idleness.
    pub(super) fn of(job: Option<Job>) -> JobStatusObject {
        let is_under_way =
            |job: &Job| matches!(job.status, JobStatus::Running | JobStatus::Stopping);
        JobStatusObject { job: job.filter(is_under_way) }
    }
}

impl Object for JobStatusObject {
    fn type_name(&self) -> &'static str {
        "MetadataUpdateStatus"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let described = self.job.as_ref().map_or("", |job| job.description.as_str());
        Ok(match field.name() {
            "progress" => {
                Resolved::Float(self.job.as_ref().and_then(|job| job.progress).unwrap_or(0.0))
            }
            "status" => Resolved::from(match described {
                "" => "Idle",
                _ if described.starts_with("Scanning") => "Scan",
                _ if described.starts_with("Generating") => "Generate",
                other => other,
            }),
            "message" => Resolved::from(
                self.job.as_ref().and_then(|j| j.sub_tasks.first()).map_or("", |t| t),
            ),
            _ => return Err(FieldError::Unresolved),
        })
    }
}

/// A job.
pub(super) struct JobObject {
    scope: Rc<Scope>,
    job: Job,
}

impl JobObject {
    /// The job that an update is of.
    pub(super) fn of_update(update: &JobUpdate) -> Job {
        match update {
            JobUpdate::Added(job) | JobUpdate::Updated(job) | JobUpdate::Removed(job) => {
                job.clone()
            }
        }
    }
}

impl Object for JobObject {
    fn type_name(&self) -> &'static str {
        "Job"
    }

    fn field<'a>(
        &'a self,
        field: Field<'a>,
        _: &'a Context<'a>,
    ) -> Result<Resolved<'a>, FieldError> {
        let job = &self.job;
        let time = |ms: Option<i64>| ms.map_or(Resolved::Null, |ms| self.scope.time(ms));
        Ok(match field.name() {
            "id" => Resolved::from(job.id.to_string()),
            "status" => Resolved::from(match job.status {
                JobStatus::Ready => "READY",
                JobStatus::Running => "RUNNING",
                JobStatus::Stopping => "STOPPING",
                JobStatus::Finished => "FINISHED",
                JobStatus::Cancelled => "CANCELLED",
                JobStatus::Failed => "FAILED",
            }),
            "subTasks" => Resolved::list(job.sub_tasks.iter()),
            "description" => Resolved::from(&job.description),
            "progress" => Resolved::from(job.progress),
            "startTime" => time(job.started_ms),
            "endTime" => time(job.ended_ms),
            "addTime" => time(Some(job.added_ms)),
            "error" => Resolved::from(job.error.as_ref()),
            _ => return Err(FieldError::Unresolved),
        })
    }
}
