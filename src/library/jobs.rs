//! Long jobs, one at a time in the order of adding: scans, generation, clean-ups.
//!
//! Everything is kept in memory: jobs under way, those waiting, and the last few that ended.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::model::time::now_ms;

/// How many ended jobs are remembered.
const ENDED_MAX: usize = 10;
/// How many jobs may wait; further ones are refused.
const QUEUE_MAX: usize = 1000;
/// Progress is told no more often than this.
const UPDATE_EVERY: Duration = Duration::from_millis(100);

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    Ready,
    Running,
    Stopping,
    Finished,
    Cancelled,
    Failed,
}

/// A job as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Counted from 1 in each process.
    pub id: u64,
    pub status: JobStatus,
    pub description: String,
    /// What it is at in detail, newest first.
    pub sub_tasks: Vec<String>,
    /// 0 to 1; `None` while nobody knows.
    pub progress: Option<f64>,
    pub added_ms: i64,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub error: Option<String>,
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobUpdate {
    Added(Job),
    Updated(Job),
    Removed(Job),
}

type Work = Box<dyn FnOnce(&JobContext) -> Result<(), String> + Send>;
type Observer = Arc<dyn Fn(&JobUpdate) + Send + Sync>;

struct Entry {
    job: Job,
    /// Taken when it starts.
    work: Option<Work>,
    /// Started at once and not by the queue.
    is_apart: bool,
    cancelled: Arc<AtomicBool>,
    told: Option<Instant>,
}

#[derive(Default)]
struct State {
    last_id: u64,
    entries: VecDeque<Entry>,
    ended: VecDeque<Job>,
    is_closing: bool,
    thread: Option<JoinHandle<()>>,
    observer: Option<Observer>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The queue of jobs.
#[derive(Default)]
pub struct Jobs {
    shared: Arc<Shared>,
}

/// What a running job may ask and tell.
pub struct JobContext {
    shared: Arc<Shared>,
    id: u64,
    cancelled: Arc<AtomicBool>,
}

impl Jobs {
    /// Sets what is told of every change, outside all locks. It must be quick.
    pub fn observe(&self, observer: impl Fn(&JobUpdate) + Send + Sync + 'static) {
        self.shared.lock().observer = Some(Arc::new(observer));
    }

    /// Adds a job to the end of the queue; returns its id. While the queue is closing, or too long,
    /// the job is cancelled at once.
    pub fn add(
        &self,
        description: &str,
        work: impl FnOnce(&JobContext) -> Result<(), String> + Send + 'static,
    ) -> u64 {
        let id = self.shared.enter(description, Some(Box::new(work)), false);
        let mut state = self.shared.lock();
        if state.thread.is_none() && !state.is_closing {
            let shared = Arc::clone(&self.shared);
            let spawned =
                std::thread::Builder::new().name("jobs".to_owned()).spawn(move || shared.work());
            match spawned {
                Ok(thread) => state.thread = Some(thread),
                Err(error) => tracing::error!(%error, "no thread for jobs"),
            }
        }
        drop(state);
        self.shared.changed.notify_all();
        id
    }

    /// Runs a job at once beside the queue; returns its id.
    pub fn start(
        &self,
        description: &str,
        work: impl FnOnce(&JobContext) -> Result<(), String> + Send + 'static,
    ) -> u64 {
        let id = self.shared.enter(description, None, true);
        let shared = Arc::clone(&self.shared);
        let spawned = std::thread::Builder::new()
            .name(format!("job-{id}"))
            .spawn(move || shared.run(id, Box::new(work)));
        if let Err(error) = spawned {
            self.shared.end(id, JobStatus::Failed, Some(error.to_string()));
        }
        id
    }

    /// Jobs running and waiting, in order.
    #[must_use]
    pub fn list(&self) -> Vec<Job> {
        self.shared.lock().entries.iter().map(|entry| entry.job.clone()).collect()
    }

    /// A job that runs, waits, or ended a short while ago.
    #[must_use]
    pub fn find(&self, id: u64) -> Option<Job> {
        let state = self.shared.lock();
        let present = state.entries.iter().map(|entry| &entry.job);
        present.chain(state.ended.iter()).find(|job| job.id == id).cloned()
    }

    /// Asks a job to stop; one that waits goes at once. Unknown ids are nothing.
    pub fn stop(&self, id: u64) {
        self.shared.stop(|job| job.id == id);
    }

    /// Asks all jobs to stop.
    pub fn stop_all(&self) {
        self.shared.stop(|_| true);
    }

    /// Waits until a job has ended, at most `patience`; returns it as it is then.
    #[must_use]
    pub fn wait(&self, id: u64, patience: Duration) -> Option<Job> {
        let state = self.shared.lock();
        let waits = |state: &mut State| state.entries.iter().any(|entry| entry.job.id == id);
        let waited = self.shared.changed.wait_timeout_while(state, patience, waits);
        drop(waited);
        self.find(id)
    }

    /// Stops everything, takes no more, and waits for what runs, at most `patience`.
    pub fn shut_down(&self, patience: Duration) {
        self.shared.lock().is_closing = true;
        self.stop_all();
        self.shared.changed.notify_all();
        let state = self.shared.lock();
        let waits = |state: &mut State| !state.entries.is_empty();
        let waited = self.shared.changed.wait_timeout_while(state, patience, waits);
        drop(waited);
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        // Nobody waits here: the last holder may be a job itself.
        self.shared.lock().is_closing = true;
        self.stop_all();
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change leaves the lists whole, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, update: &JobUpdate) {
        let observer = self.lock().observer.clone();
        if let Some(observer) = observer {
            observer(update);
        }
    }

    fn enter(&self, description: &str, work: Option<Work>, is_apart: bool) -> u64 {
        let mut state = self.lock();
        state.last_id += 1;
        let id = state.last_id;
        let job = Job {
            id,
            status: JobStatus::Ready,
            description: description.to_owned(),
            sub_tasks: Vec::new(),
            progress: None,
            added_ms: now_ms(),
            started_ms: None,
            ended_ms: None,
            error: None,
        };
        let entry =
            Entry { job: job.clone(), work, is_apart, cancelled: Arc::default(), told: None };
        let refused = state.is_closing || state.entries.len() >= QUEUE_MAX;
        state.entries.push_back(entry);
        drop(state);
        self.tell(&JobUpdate::Added(job));
        if refused {
            self.end(id, JobStatus::Cancelled, None);
        }
        id
    }

    /// The thread of the queue.
    fn work(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            let next = loop {
                let ready = state.entries.iter_mut().find(|entry| !entry.is_apart);
                match ready.and_then(|entry| Some((entry.job.id, entry.work.take()?))) {
                    Some(next) => break next,
                    None if state.is_closing => return,
                    None => {
                        state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(state);
            self.run(next.0, next.1);
        }
    }

    fn run(self: &Arc<Self>, id: u64, work: Work) {
        let mut cancelled = None;
        self.edit(id, true, |entry| {
            entry.job.status = JobStatus::Running;
            entry.job.started_ms = Some(now_ms());
            cancelled = Some(Arc::clone(&entry.cancelled));
        });
        // It was stopped in the moment between.
        let Some(cancelled) = cancelled else { return };
        let context = JobContext { shared: Arc::clone(self), id, cancelled };
        // A library that is locked for a while is no reason to fail.
        let work = || crate::store::patiently(|| work(&context));
        let result = catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err("the job was abandoned after an error of its own".to_owned()));
        match result {
            _ if context.is_cancelled() => self.end(id, JobStatus::Cancelled, None),
            Ok(()) => self.end(id, JobStatus::Finished, None),
            Err(error) => {
                tracing::error!(job = id, %error, "a job failed");
                self.end(id, JobStatus::Failed, Some(error));
            }
        }
    }

    /// Changes an entry and tells of it; progress only now and then unless it is `important`.
    fn edit(&self, id: u64, important: bool, change: impl FnOnce(&mut Entry)) {
        let mut state = self.lock();
        let Some(entry) = state.entries.iter_mut().find(|entry| entry.job.id == id) else { return };
        change(entry);
        let due = entry.told.is_none_or(|told| told.elapsed() >= UPDATE_EVERY);
        if !(important || due) {
            return;
        }
        entry.told = Some(Instant::now());
        let job = entry.job.clone();
        drop(state);
        self.tell(&JobUpdate::Updated(job));
    }

    fn end(&self, id: u64, status: JobStatus, error: Option<String>) {
        let mut state = self.lock();
        let place = state.entries.iter().position(|entry| entry.job.id == id);
        let Some(entry) = place.and_then(|place| state.entries.remove(place)) else { return };
        let ended_ms = Some(now_ms());
        let job = Job { status, error, ended_ms, sub_tasks: Vec::new(), ..entry.job };
        state.ended.push_back(job.clone());
        while state.ended.len() > ENDED_MAX {
            state.ended.pop_front();
        }
        drop(state);
        self.changed.notify_all();
        self.tell(&JobUpdate::Removed(job));
    }

    fn stop(&self, which: impl Fn(&Job) -> bool) {
        let mut waiting = Vec::new();
        let mut running = Vec::new();
        for entry in self.lock().entries.iter().filter(|entry| which(&entry.job)) {
            entry.cancelled.store(true, Ordering::Relaxed);
            // A job without work to take has been taken by a thread.
            if entry.work.is_some() { &mut waiting } else { &mut running }.push(entry.job.id);
        }
        for id in waiting {
            self.end(id, JobStatus::Cancelled, None);
        }
        for id in running {
            self.edit(id, true, |entry| entry.job.status = JobStatus::Stopping);
        }
    }
}

impl JobContext {
    /// A context without a queue, for work that is done at once.
    #[must_use]
    pub fn detached() -> JobContext {
        JobContext { shared: Arc::default(), id: 0, cancelled: Arc::default() }
    }

    /// Whether the job is to stop. Long work asks often.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Tells how much is done.
    pub fn progress(&self, done: usize, total: usize) {
        let progress = if total == 0 { 1.0 } else { (done as f64 / total as f64).min(1.0) };
        self.shared.edit(self.id, false, |entry| entry.job.progress = Some(progress));
    }

    /// Runs a part of the work under a description of its own.
    pub fn sub_task<T>(&self, description: &str, work: impl FnOnce() -> T) -> T {
        self.shared.edit(self.id, false, |entry| {
            entry.job.sub_tasks.insert(0, description.to_owned());
        });
        let result = work();
        self.shared.edit(self.id, false, |entry| {
            let tasks = &mut entry.job.sub_tasks;
            if let Some(place) = tasks.iter().position(|task| task == description) {
                tasks.remove(place);
            }
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn jobs_run_one_after_the_other_in_order() {
        let jobs = Jobs::default();
        let order = Arc::new(Mutex::new(Vec::new()));
        let ids: Vec<u64> = (0..5)
            .map(|number| {
                let order = Arc::clone(&order);
                jobs.add("Counting...", move |_| {
                    order.lock().unwrap().push(number);
                    Ok(())
                })
            })
            .collect();
        assert_eq!(ids, [1, 2, 3, 4, 5]);
        let last = jobs.wait(5, PATIENCE).unwrap();
        assert_eq!(last.status, JobStatus::Finished);
        assert!(last.added_ms <= last.started_ms.unwrap() && last.ended_ms >= last.started_ms);
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(jobs.list(), []);
    }

    #[test]
    fn a_running_job_is_told_to_stop_and_a_waiting_one_never_starts() {
        let jobs = Jobs::default();
        let (started, starts) = channel();
        let running = jobs.add("Long", move |context| {
            started.send(()).unwrap();
            while !context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        let waiting = jobs.add("Never", |_| Err("it ran".to_owned()));
        starts.recv().unwrap();
        let shown: Vec<_> = jobs.list().into_iter().map(|job| job.status).collect();
        assert_eq!(shown, [JobStatus::Running, JobStatus::Ready]);
        jobs.stop(99);
        jobs.stop(waiting);
        assert_eq!(jobs.find(waiting).unwrap().status, JobStatus::Cancelled);
        jobs.stop(running);
        assert_eq!(jobs.wait(running, PATIENCE).unwrap().status, JobStatus::Cancelled);
    }

    #[test]
    fn failures_and_panics_end_a_job_and_not_the_queue() {
        let jobs = Jobs::default();
        let failed = jobs.add("Fails", |_| Err("no bird in sight".to_owned()));
        let panicked = jobs.add("Panics", |_| panic!("on purpose"));
        let fine = jobs.add("Works", |_| Ok(()));
        assert_eq!(jobs.wait(fine, PATIENCE).unwrap().status, JobStatus::Finished);
        assert_eq!(jobs.find(failed).unwrap().error.as_deref(), Some("no bird in sight"));
        assert_eq!(jobs.find(panicked).unwrap().status, JobStatus::Failed);
    }

    #[test]
    fn observers_see_a_job_come_run_and_go() {
        let jobs = Jobs::default();
        let (tell, told) = channel();
        jobs.observe(move |update| tell.send(update.clone()).unwrap());
        let id = jobs.add("Seen", |context| {
            context.progress(1, 2);
            Ok(())
        });
        let _ = jobs.wait(id, PATIENCE);
        let JobUpdate::Added(job) = told.recv_timeout(PATIENCE).unwrap() else { panic!("added") };
        assert_eq!((job.id, job.status, job.progress), (id, JobStatus::Ready, None));
        let JobUpdate::Updated(job) = told.recv_timeout(PATIENCE).unwrap() else { panic!("runs") };
        assert_eq!(job.status, JobStatus::Running);
        let JobUpdate::Removed(job) = told.recv_timeout(PATIENCE).unwrap() else { panic!("gone") };
        assert_eq!((job.status, job.progress), (JobStatus::Finished, Some(0.5)));
    }

    #[test]
    fn after_shutting_down_nothing_runs_any_more() {
        let jobs = Jobs::default();
        let long = jobs.start("Long", |context| {
            while !context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        jobs.shut_down(PATIENCE);
        assert_eq!(jobs.find(long).unwrap().status, JobStatus::Cancelled);
        let late = jobs.add("Late", |_| Ok(()));
        assert_eq!(jobs.find(late).unwrap().status, JobStatus::Cancelled);
    }
}
