//! Where settings come from, and that their documentation is current.

use super::*;

/// Merges a file, an environment and flags.
fn load(file: &str, environment: &[(&str, &str)], args: ServeArgs) -> Result<Config, ConfigError> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("diptych-config-{}-{count}.toml", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, file).unwrap();
    let args = ServeArgs { config: Some(path.clone()), ..args };
    let loaded = Config::load_with(&args, |name| {
        environment.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
    });
    std::fs::remove_file(path).unwrap();
    loaded
}

fn refusal(file: &str) -> String {
    load(file, &[], ServeArgs::default()).unwrap_err().to_string()
}

#[test]
fn a_machine_without_settings_listens_on_loopback() {
    let config = load("", &[], ServeArgs::default()).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.hydrus.listen.to_string(), "127.0.0.1:45869");
    assert_eq!(config.stash.listen.to_string(), "127.0.0.1:9999");
    assert!(!config.shares_listener());
    assert_eq!(config.generated_folder(), Path::new("diptych-data/generated"));
    assert_eq!(config.limits.http(), crate::http::Limits::default());
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file() {
    let file = "log_level = 'warn'\n[limits]\ngraphql_depth = 1\nconnections = 2\nheaders = 3\n";
    let environment =
        [("DIPTYCH_LIMITS_GRAPHQL_DEPTH", "10"), ("DIPTYCH_LIMITS_CONNECTIONS", "20")];
    let set = vec![String::from("limits.graphql_depth=100")];
    let config = load(file, &environment, ServeArgs { set, ..ServeArgs::default() }).unwrap();
    assert_eq!(config.limits.graphql_depth, 100);
    assert_eq!(config.limits.connections, 20);
    assert_eq!(config.limits.headers, 3);
    assert_eq!(config.log_level, "warn");
}

#[test]
fn every_flag_reaches_its_setting() {
    let args = ServeArgs {
        data: Some("/d".into()),
        hydrus_listen: Some("0.0.0.0:1".parse().unwrap()),
        stash_listen: Some("0.0.0.0:1".parse().unwrap()),
        libraries: vec!["/birds".into(), "/trains, old".into()],
        tls_cert: Some("/c".into()),
        tls_key: Some("/k".into()),
        time_zone: Some("Europe/Berlin".into()),
        log_level: Some("debug".into()),
        ..ServeArgs::default()
    };
    let config = load("", &[], args).unwrap();
    assert_eq!(config.data, Path::new("/d"));
    assert!(config.shares_listener());
    assert_eq!(config.library.folders, [Path::new("/birds"), Path::new("/trains, old")]);
    assert_eq!(config.stash_listener().tls.unwrap().key, Path::new("/k"));
    assert_eq!(config.zone().iana_name(), Some("Europe/Berlin"));
    assert_eq!(config.log_level, "debug");
}

/// A user who knows a flag can do the same from the environment, under the name that `--help` tells.
#[test]
fn every_flag_has_a_variable_that_its_help_names() {
    use clap::Args;
    let command = ServeArgs::augment_args(clap::Command::new("serve"));
    for flag in command.get_arguments().filter(|flag| flag.get_id() != "set") {
        let name = flag.get_long().unwrap().to_uppercase().replace('-', "_");
        let name = format!("DIPTYCH_{name}");
        let help = flag.get_help().unwrap().to_string();
        assert!(help.contains(&format!("[env: {name}")), "{help}");
        let is_setting = settings().iter().any(|setting| setting.environment() == name)
            || VARIABLES_OF_FLAGS.iter().any(|(own, _)| *own == name);
        assert!(is_setting || name == "DIPTYCH_CONFIG", "{name}");
    }
    let environment = [("DIPTYCH_LIBRARY", "/birds,/trains"), ("DIPTYCH_TLS_CERT", "/c")];
    let args = ServeArgs { tls_key: Some("/k".into()), ..ServeArgs::default() };
    let config = load("", &environment, args).unwrap();
    assert_eq!(config.library.folders, [Path::new("/birds"), Path::new("/trains")]);
    assert_eq!(config.tls.certificate.as_deref(), Some(Path::new("/c")));
}

#[test]
fn lists_and_sizes_can_be_written_in_each_source() {
    let file = "[limits]\nbody_bytes = '8 MiB'\n[library]\ntag_services = ['a', 'b']\n";
    let environment = [("DIPTYCH_ENTITIES_STUDIO_NAMESPACES", "studio, network")];
    let config = load(file, &environment, ServeArgs::default()).unwrap();
    assert_eq!(config.limits.body_bytes, 8 << 20);
    assert_eq!(config.library.tag_services, ["a", "b"]);
    assert_eq!(config.entities.studio_namespaces, ["studio", "network"]);
}

#[test]
fn a_wrong_key_or_value_is_named() {
    for (file, part) in [
        ("colour = 1", "there is no setting \"colour\""),
        ("[limits]\npage_size = 1", "there is no setting \"limits.page_size\""),
        ("[limits]\npages = 1", "there is no setting \"limits.pages\""),
        ("[colours]\nred = 1", "there is no setting \"colours.red\""),
        ("[colours]", "there is no setting \"colours\""),
        ("[limits.graphql_depth]\na = 1", "limits.graphql_depth: expected a whole number"),
        ("[limits]\ngraphql_depth = -1", "limits.graphql_depth: it is negative"),
        ("[limits]\ngraphql_depth = 0", "limits.graphql_depth: it must be at least 1"),
        ("[limits]\ngraphql_depth = '99999999 TiB'", "is too large"),
        ("[hydrus]\nlisten = 'here'", "hydrus.listen: \"here\" is no address"),
        ("[hydrus]\nallow_remote = 'true '", "hydrus.allow_remote: expected true or false"),
        ("[tls]\nkey = 'k'", "certificate and key belong together"),
        ("access_key = 'ab'", "access_key: it is not 64 hexadecimal digits"),
        ("time_zone = 'Mars/Base'", "time_zone: \"Mars/Base\" is not known"),
        ("log_level = 'loud'", "log_level: it is no level"),
        ("[library]\ntag_services = []", "library.tag_services: it needs at least one"),
        ("x = [", "diptych-config-"),
    ] {
        let refusal = refusal(file);
        assert!(refusal.contains(part), "{file:?} gives {refusal:?}");
    }
}

#[test]
fn a_named_file_must_exist_but_the_usual_one_need_not() {
    let missing = ServeArgs { config: Some("/no/such/file".into()), ..ServeArgs::default() };
    assert!(matches!(Config::load_with(&missing, |_| None), Err(ConfigError::Unreadable { .. })));
    let elsewhere = ServeArgs { data: Some("/no/such/folder".into()), ..ServeArgs::default() };
    assert!(Config::load_with(&elsewhere, |_| None).is_ok());
}

#[test]
fn the_access_key_is_never_printed() {
    let key = "ab".repeat(32);
    let config = load("", &[("DIPTYCH_ACCESS_KEY", &key)], ServeArgs::default()).unwrap();
    assert_eq!(config.access_key.as_ref().unwrap().expose(), key);
    assert!(!format!("{config:?}").contains(&key));
}

#[test]
fn every_default_can_be_given_as_a_value() {
    for setting in settings().iter().filter(|setting| !setting.default.is_empty()) {
        let set = vec![format!("{}={}", setting.key, setting.default)];
        let config = load("", &[], ServeArgs { set, ..ServeArgs::default() }).unwrap();
        assert_eq!(config, Config::default(), "{}", setting.key);
    }
}

/// The page as the table gives it.
fn documentation() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Generated from `src/config/settings.rs`; `UPDATE_EXPECT=1 cargo test --lib config::` \
         writes it anew.\n\n\
         A flag wins over the environment, the environment over the file, the file over the \
         default. The file is TOML: the one named by `--config` or `DIPTYCH_CONFIG`, else \
         `diptych.toml` in the data folder. A key in it that is not listed here is an error. Lists \
         in the environment have commas between their items. Any setting can be given as \
         `--set key=value`; these have flags of their own: `--data`, `--hydrus-listen`, \
         `--stash-listen`, `--library` (repeatable), `--tls-cert`, `--tls-key`, `--time-zone`, \
         `--log-level`. A variable called like a flag counts too (`DIPTYCH_LIBRARY`, \
         `DIPTYCH_TLS_CERT`).\n",
    );
    let mut section = None;
    for setting in settings() {
        if section != Some(setting.section()) {
            section = Some(setting.section());
            let title = match setting.section() {
                "" => String::from("At the top of the file"),
                section => format!("`[{section}]`"),
            };
            let purpose = section_purpose(setting.section());
            let purpose = purpose.map_or_else(String::new, |purpose| format!("{purpose}\n\n"));
            page += &format!(
                "\n## {title}\n\n{purpose}| key | environment | default | what it is for |\n\
                 |---|---|---|---|\n"
            );
        }
        let name = setting.key.rsplit('.').next().unwrap();
        let default = match setting.default.as_str() {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let variable = setting.environment();
        page += &format!("| `{name}` | `{variable}` | {default} | {} |\n", setting.doc);
    }
    page
}

#[test]
fn the_documentation_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let expected = documentation();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/configuration.md is not current: run with UPDATE_EXPECT=1");
}
