//! Decoding in child processes: a crash, a memory bomb or an endless loop costs one import.
//!
//! A child is the same program run as `diptych media-worker`. It reads requests from its standard
//! input and writes answers to its standard output, each a big-endian length and a MessagePack value,
//! one after the other; it sets its own limits and ends with its input.

use std::ffi::OsString;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::{Examined, Refusal, RenderRequest, Rendered, ThumbnailOptions, examine, render};

/// How decoding is done.
#[derive(Clone, Debug)]
pub struct WorkersConfig {
    /// Children at work at the same time.
    pub children: usize,
    /// The address space of a child.
    pub memory_bytes: u64,
    /// The longest that one file may take.
    pub timeout: Duration,
    /// Where children put temporary files; inside the data folder.
    pub temp: PathBuf,
    /// The program to run: this one but in tests.
    pub program: PathBuf,
}

/// The running program. `/proc` may be missing (an empty root); then the name it was called by says
/// where it is, unless a shell had to search for it.
fn this_program() -> PathBuf {
    let linked = PathBuf::from("/proc/self/exe");
    if linked.exists() {
        return linked;
    }
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or(linked);
    std::path::absolute(&called).unwrap_or(called)
}

impl WorkersConfig {
    /// The usual limits, with temporary files in that folder.
    #[must_use]
    pub fn in_folder(temp: &Path) -> WorkersConfig {
        WorkersConfig {
            children: std::thread::available_parallelism().map_or(2, usize::from),
            memory_bytes: 8 << 30,
            timeout: Duration::from_secs(120),
            temp: temp.to_owned(),
            program: this_program(),
        }
    }
}

/// The argument that makes the program a worker.
pub const SUBCOMMAND: &str = "media-worker";
/// A child is replaced after this many files, so that memory it clings to comes back.
const JOBS_MAX: u32 = 1000;
/// No message is longer.
const MESSAGE_BYTES_MAX: u32 = 1 << 30;

#[derive(Serialize, Deserialize)]
enum Request {
    /// The first message; has no answer.
    Limits {
        memory_bytes: u64,
    },
    Examine {
        path: Vec<u8>,
        options: ThumbnailOptions,
    },
    Render {
        path: Vec<u8>,
        request: RenderRequest,
    },
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Examined(Box<Examined>),
    Rendered(Rendered),
}

/// Examines and draws files, from any number of threads.
pub struct Workers(Mode);

enum Mode {
    InProcess,
    Children(Pool),
}

struct Pool {
    config: WorkersConfig,
    slots: Mutex<Slots>,
    freed: Condvar,
}

#[derive(Default)]
struct Slots {
    idle: Vec<Worker>,
    busy: usize,
}

struct Worker {
    child: Child,
    input: ChildStdin,
    answers: Receiver<Result<Answer, Refusal>>,
    jobs: u32,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already; what matters is that nothing of it stays.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Workers {
    /// Children are started as they are needed, no more than configured.
    #[must_use]
    pub fn start(config: WorkersConfig) -> Workers {
        let pool = Pool { config, slots: Mutex::default(), freed: Condvar::new() };
        Workers(Mode::Children(pool))
    }

    /// Everything in the calling thread, without children: for tests and small tools.
    #[must_use]
    pub fn in_process() -> Workers {
        Workers(Mode::InProcess)
    }

    /// See [`examine`]. Blocks until a child is free and done.
    pub fn examine(&self, path: &Path, options: &ThumbnailOptions) -> Result<Examined, Refusal> {
        let Mode::Children(pool) = &self.0 else { return guarded(|| examine(path, options)) };
        let path = path.as_os_str().as_bytes().to_vec();
        match pool.ask(&Request::Examine { path, options: *options })? {
            Answer::Examined(examined) => Ok(*examined),
            Answer::Rendered(_) => {
                Err(Refusal::Crashed("an answer to another question".to_owned()))
            }
        }
    }

    /// See [`render`]. Blocks until a child is free and done.
    pub fn render(&self, path: &Path, request: &RenderRequest) -> Result<Rendered, Refusal> {
        let Mode::Children(pool) = &self.0 else { return guarded(|| render(path, request)) };
        let path = path.as_os_str().as_bytes().to_vec();
        match pool.ask(&Request::Render { path, request: *request })? {
            Answer::Rendered(rendered) => Ok(rendered),
            Answer::Examined(_) => {
                Err(Refusal::Crashed("an answer to another question".to_owned()))
            }
        }
    }
}

fn crashed(error: impl std::fmt::Display) -> Refusal {
    Refusal::Crashed(error.to_string())
}

/// Turns a panic of a decoder into a refusal.
fn guarded<T>(run: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(crashed("the decoder panicked")))
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        // The lists are whole at every moment, whoever panicked while holding them.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, request: &Request) -> Result<Answer, Refusal> {
        let idle = self.claim();
        let outcome = match idle.map_or_else(|| self.spawn(), Ok) {
            Ok(mut worker) => {
                let answer = worker.ask(request, self.config.timeout);
                answer.map(|answer| (worker, answer))
            }
            Err(error) => Err(crashed(error)),
        };
        let mut slots = self.lock();
        slots.busy -= 1;
        let answer = match outcome {
            Ok((worker, answer)) => {
                if worker.jobs < JOBS_MAX {
                    slots.idle.push(worker);
                }
                answer
            }
            // The worker is gone, killed by its drop.
            Err(refusal) => Err(refusal),
        };
        drop(slots);
        self.freed.notify_one();
        answer
    }

    /// Waits for a slot; gives an idle worker if there is one.
    fn claim(&self) -> Option<Worker> {
        let mut slots = self.lock();
        while slots.busy >= self.config.children.max(1) {
            slots = self.freed.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
        slots.busy += 1;
        slots.idle.pop()
    }

    fn spawn(&self) -> io::Result<Worker> {
        let mut child = Command::new(&self.config.program)
            .arg(SUBCOMMAND)
            .env("TMPDIR", &self.config.temp)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let mut input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        let (sender, answers) = channel();
        std::thread::spawn(move || forward(BufReader::new(output), &sender));
        let limits = Request::Limits { memory_bytes: self.config.memory_bytes };
        // A child that ends at once is noticed by its first question.
        let _unread = write_message(&mut input, &limits);
        Ok(Worker { child, input, answers, jobs: 0 })
    }
}

/// Passes answers on until the child ends.
fn forward(mut output: impl Read, to: &Sender<Result<Answer, Refusal>>) {
    while let Ok(Some(answer)) = read_message(&mut output) {
        if to.send(answer).is_err() {
            break;
        }
    }
}

impl Worker {
    /// The outer error means that this worker is of no more use.
    fn ask(
        &mut self,
        request: &Request,
        timeout: Duration,
    ) -> Result<Result<Answer, Refusal>, Refusal> {
        self.jobs += 1;
        write_message(&mut self.input, request).map_err(|_| crashed("the decoder ended"))?;
        self.answers.recv_timeout(timeout).map_err(|error| match error {
            RecvTimeoutError::Timeout => crashed("the decoder took too long"),
            RecvTimeoutError::Disconnected => crashed("the decoder ended"),
        })
    }
}

fn write_message(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let body = rmp_serde::to_vec(message).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(&body)?;
    to.flush()
}

/// The next message; `None` at the end.
fn read_message<T: for<'de> Deserialize<'de>>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_be_bytes(length);
    if length > MESSAGE_BYTES_MAX {
        return Err(io::Error::other("a message beyond all limits"));
    }
    let mut body = vec![0; length as usize];
    from.read_exact(&mut body)?;
    rmp_serde::from_slice(&body).map(Some).map_err(io::Error::other)
}

/// The whole life of a child: to be called for the subcommand [`SUBCOMMAND`].
#[must_use]
pub fn worker_main() -> ExitCode {
    match serve(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    while let Some(request) = read_message(from)? {
        let answer = match request {
            Request::Limits { memory_bytes } => {
                limit(memory_bytes);
                continue;
            }
            Request::Examine { path, options } => guarded(|| examine(&from_bytes(path), &options))
                .map(|examined| Answer::Examined(Box::new(examined))),
            Request::Render { path, request } => {
                guarded(|| render(&from_bytes(path), &request)).map(Answer::Rendered)
            }
        };
        write_message(to, &answer)?;
    }
    Ok(())
}

fn from_bytes(path: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(path))
}

/// Limits what this process may take. A system that refuses leaves us without, which is no reason
/// not to work.
fn limit(memory_bytes: u64) {
    let limits = [(Resource::As, memory_bytes), (Resource::Core, 0)];
    for (resource, bytes) in limits {
        let _refused = setrlimit(resource, Rlimit { current: Some(bytes), maximum: Some(bytes) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/media").join(name)
    }

    fn options() -> ThumbnailOptions {
        ThumbnailOptions::default()
    }

    #[test]
    fn a_child_answers_as_the_calling_thread_would() {
        let path = sample("a03_grad_320x240_q85.jpg");
        let empty = sample("z02_empty.jpg");
        let mut asked = Vec::new();
        for path in [&path, &empty] {
            let path = path.as_os_str().as_bytes().to_vec();
            let request = Request::Examine { path, options: options() };
            write_message(&mut asked, &request).unwrap();
        }
        let request =
            RenderRequest { format: None, quality: None, size: Some((4, 4)), instead: None };
        let path_bytes = path.as_os_str().as_bytes().to_vec();
        write_message(&mut asked, &Request::Render { path: path_bytes, request }).unwrap();

        let mut answered = Vec::new();
        serve(&mut asked.as_slice(), &mut answered).unwrap();

        let mut answers = answered.as_slice();
        let mut next = || read_message::<Result<Answer, Refusal>>(&mut answers).unwrap();
        let Some(Ok(Answer::Examined(examined))) = next() else { panic!("no facts") };
        assert_eq!(Ok(*examined), Workers::in_process().examine(&path, &options()));
        let Some(Err(refusal)) = next() else { panic!("no refusal") };
        assert_eq!(refusal, Refusal::Empty);
        let Some(Ok(Answer::Rendered(rendered))) = next() else { panic!("no picture") };
        assert_eq!(Ok(rendered), Workers::in_process().render(&path, &request));
        assert!(next().is_none());
    }

    fn check_broken(program: &str, note: &str) {
        let config = WorkersConfig {
            program: PathBuf::from(program),
            timeout: Duration::from_millis(200),
            children: 1,
            ..WorkersConfig::in_folder(&std::env::temp_dir())
        };
        let workers = Workers::start(config);
        // The second question meets a fresh child: the first one's slot is free again.
        for _ in 0..2 {
            let refusal = workers.examine(&sample("o11.rtf"), &options()).unwrap_err();
            assert_eq!(refusal, Refusal::Crashed(note.to_owned()));
        }
    }

    #[test]
    fn a_child_that_ends_or_hangs_costs_one_file_only() {
        check_broken("/bin/false", "the decoder ended");
        let folder = std::env::temp_dir().join(format!("diptych-worker-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("sleeper");
        std::fs::write(&program, "#!/bin/sh\nexec sleep 30\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        check_broken(program.to_str().unwrap(), "the decoder took too long");
    }
}
