//! The definitions for Icinga and Nagios (`scripts/fleet/`), loaded and executed by the real programs. Ignored by
//! default: `scripts/setup fleet` installs the programs, and `cargo test icinga_nagios -- --include-ignored` runs all
//! tests.

use crate::support::real::{free_port, program, run, said, succeeds, unpacked, wait_for};
use crate::support::tests;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// A folder for a monitor, which may run as another user: the program, a recording to inspect, and a fake sudo that
/// records its arguments.
struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap() };
        fs::set_permissions(host.folder.path(), Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_thinspect"), host.path("thinspect")).unwrap();
        fs::copy(tests("hosts/lab-published-case/recording.json"), host.path("recording.json")).unwrap();
        host.write("asked", "");
        fs::set_permissions(host.path("asked"), Permissions::from_mode(0o666)).unwrap();
        let at = host.folder.path().display();
        let sudo = format!(
            "#!/bin/sh\necho \"$*\" >>{at}/asked\n[ \"$1\" = /usr/bin/thinspect ] || exit 3\nshift\n\
             exec {at}/thinspect \"$@\" --from {at}/recording.json\n"
        );
        fs::create_dir(host.path("bin")).unwrap();
        host.write("bin/sudo", &sudo);
        fs::set_permissions(host.path("bin/sudo"), Permissions::from_mode(0o755)).unwrap();
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The command that sudo was given, and the program's output for it: text and performance data.
    fn asked(&self) -> (String, String, String) {
        let asked = self.read("asked").trim().to_owned();
        let arguments = asked.strip_prefix("/usr/bin/thinspect ").unwrap().split(' ');
        let output = Command::new(self.path("thinspect"))
            .args(arguments)
            .arg("--from")
            .arg(self.path("recording.json"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        let line = said(&output);
        let (text, data) = line.trim_end().split_once(" | ").unwrap();
        (asked.clone(), text.to_owned(), data.to_owned())
    }
}

fn fleet(path: &str) -> PathBuf {
    tests("../scripts/fleet").join(path)
}

fn id(what: &str) -> String {
    succeeds(Command::new("id").arg(what)).trim().to_owned()
}

// --- Icinga 2 -----------------------------------------------------------------------------------------------------------

/// Icinga 2 with all its data below the host's folder.
fn icinga(host: &Host, command: &[&str]) -> Command {
    let mut icinga = program("usr/lib/x86_64-linux-gnu/icinga2/sbin/icinga2");
    icinga.args(command);
    for folder in ["DataDir", "LogDir", "CacheDir", "SpoolDir", "InitRunDir", "ZonesDir"] {
        icinga.arg("--define").arg(format!("{folder}={}", host.path(folder).display()));
    }
    icinga.arg("--define").arg(format!("PidPath={}", host.path("InitRunDir/pid").display()));
    for (who, option) in [("RunAsUser", "-un"), ("RunAsGroup", "-gn")] {
        icinga.arg("--define").arg(format!("{who}={}", id(option)));
    }
    icinga
}

fn configure_icinga(host: &Host) {
    for folder in ["DataDir/certs", "LogDir", "CacheDir", "SpoolDir", "InitRunDir", "ZonesDir/here"] {
        fs::create_dir_all(host.path(folder)).unwrap();
    }
    let at = host.folder.path().display();
    let port = free_port();
    host.write(
        "icinga2.conf",
        &format!(
            "include <itl>\n\
             const NodeName = \"here\"\n\
             const ZoneName = \"here\"\n\
             object Endpoint NodeName {{ }}\n\
             object Zone ZoneName {{ endpoints = [ NodeName ] }}\n\
             object ApiListener \"api\" {{\n bind_host = \"127.0.0.1\"\n bind_port = {port}\n}}\n\
             object CheckerComponent \"checker\" {{ }}\n\
             object ExternalCommandListener \"command\" {{ command_path = \"{at}/commands\" }}\n\
             object PerfdataWriter \"perfdata\" {{\n\
             \x20 service_perfdata_path = \"{at}/results\"\n service_temp_path = \"{at}/results.new\"\n\
             \x20 host_perfdata_path = \"{at}/hosts\"\n host_temp_path = \"{at}/hosts.new\"\n\
             \x20 service_format_template = \"$service.state$\\t$service.output$\\t$service.perfdata$\"\n\
             \x20 rotation_interval = 1s\n}}\n"
        ),
    );
    host.write(
        "ZonesDir/here/hosts.conf",
        "object Host \"here\" {\n check_command = \"dummy\"\n vars.thinspect = true\n\
         vars.thinspect_warning = \"70\"\n vars.thinspect_critical = \"~:85\"\n\
         vars.thinspect_metadata_warning = \"2\"\n vars.thinspect_metadata_critical = \"@90:100\"\n\
         vars.thinspect_time_warning = \"48h:\"\n vars.thinspect_time_critical = \"8h:\"\n\
         vars.thinspect_pool = \"docker-254:0-8484-pool\"\n vars.thinspect_verbose = true\n}\n",
    );
    fs::copy(fleet("icinga/thinspect.conf"), host.path("ZonesDir/here/thinspect.conf")).unwrap();
    let certs = |name: &str| host.path("DataDir/certs").join(name).display().to_string();
    succeeds(&mut icinga(host, &["pki", "new-ca"]));
    let (key, request, certificate) = (certs("here.key"), certs("here.csr"), certs("here.crt"));
    succeeds(&mut icinga(host, &["pki", "new-cert", "--cn", "here", "--key", &key, "--csr", &request]));
    succeeds(&mut icinga(host, &["pki", "sign-csr", "--csr", &request, "--cert", &certificate]));
    fs::copy(host.path("DataDir/ca/ca.crt"), certs("ca.crt")).unwrap();
}

/// The first result of a service: state, text and performance data.
fn icinga_result(folder: &Path) -> Option<[String; 3]> {
    let named = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("results");
    let files = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(named);
    let texts = files.map(|path| fs::read_to_string(path).unwrap_or_default());
    let line = texts.collect::<String>().lines().next()?.to_owned();
    let mut fields = line.split('\t').map(str::to_owned);
    Some([fields.next()?, fields.next()?, fields.next()?])
}

/// Sets every variable of the definition.
#[test]
#[ignore = "needs Icinga 2: scripts/setup fleet"]
fn icinga_loads_the_definition_and_runs_the_check() {
    let host = Host::new();
    configure_icinga(&host);
    let include = unpacked("usr/share/icinga2/include");
    let daemon = |validate: &[&str]| {
        let mut command = icinga(&host, &["daemon"]);
        command.arg("-c").arg(host.path("icinga2.conf")).arg("-I").arg(&include).args(validate);
        command.env("PATH", format!("{}:/usr/bin:/bin", host.path("bin").display()));
        command
    };
    let validated = succeeds(&mut daemon(&["--validate"]));
    assert!(validated.contains("Instantiated 1 Service."), "{validated}");
    let log = host.path("icinga2.log");
    let _icinga = run(&mut daemon(&[]), &log);
    wait_for("Icinga", 20, &log, || host.path("commands").exists().then_some(()));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    host.write("commands", &format!("[{now}] SCHEDULE_FORCED_SVC_CHECK;here;thin-pools;{now}\n"));
    let [state, text, data] = wait_for("a result", 20, &log, || icinga_result(host.folder.path()));
    let (asked, expected, numbers) = host.asked();
    for option in [
        "--warning 70",
        "--critical ~:85",
        "--metadata-warning 2",
        "--metadata-critical @90:100",
        "--time-warning 48h:",
        "--time-critical 8h:",
        "--pool docker-254:0-8484-pool",
        "--verbose",
    ] {
        assert!(asked.contains(option), "{asked}");
    }
    assert_eq!(state, "CRITICAL");
    assert_eq!(text.trim(), expected);
    // Icinga parses the numbers and formats them without unnecessary quotes.
    assert_eq!(data.split(' ').count(), numbers.split(' ').count());
    assert!(data.contains("data_docker-254:0-8484-pool=90.113159%;70;~:85;0;100"), "{data}");
}

// --- Nagios, by NRPE ----------------------------------------------------------------------------------------------------

/// The line for nrpe.cfg from the definition's comment, with the fake sudo, because NRPE has its own PATH.
fn nrpe_command(host: &Host) -> String {
    let definition = fs::read_to_string(fleet("nagios/thinspect.cfg")).unwrap();
    let line = definition.lines().find_map(|l| l.trim_start_matches(['#', ' ']).strip_prefix("command["));
    let (name, command) = line.unwrap().split_once("]=sudo ").unwrap();
    format!("command[{name}]={} {command}\n", host.path("bin/sudo").display())
}

fn configure_nrpe(host: &Host, address: &str) {
    // NRPE refuses to run as root.
    let (user, group) =
        if id("-u") == "0" { ("nobody".to_owned(), "nogroup".to_owned()) } else { (id("-un"), id("-gn")) };
    let at = host.folder.path().display();
    host.write(
        "nrpe.cfg",
        &format!(
            "server_address={address}\nallowed_hosts=127.0.0.0/8\nnrpe_user={user}\nnrpe_group={group}\n\
             pid_file={at}/nrpe.pid\nlog_file={at}/nrpe.log\ncommand_timeout=60\n{}",
            nrpe_command(host)
        ),
    );
}

fn configure_nagios(host: &Host, address: &str) {
    let at = host.folder.path().display();
    let objects = ["timeperiods", "templates", "contacts", "commands"]
        .map(|name| format!("cfg_file={}\n", unpacked(&format!("etc/nagios4/objects/{name}.cfg")).display()))
        .concat();
    host.write(
        "nagios.cfg",
        &format!(
            "log_file={at}/nagios.log\ncfg_file={at}/hosts.cfg\ncfg_file={}\n{objects}resource_file={at}/resource.cfg\n\
             object_cache_file={at}/objects\nprecached_object_file={at}/precached\nstatus_file={at}/status\n\
             status_update_interval=1\nstate_retention_file={at}/retention\ntemp_file={at}/temporary\ntemp_path={at}\n\
             check_result_path={at}/checks\ncommand_file={at}/commands\nquery_socket={at}/queries\nlock_file={at}/nagios.pid\n\
             nagios_user={}\nnagios_group={}\nservice_inter_check_delay_method=n\nenable_notifications=0\n",
            fleet("nagios/thinspect.cfg").display(),
            id("-un"),
            id("-gn"),
        ),
    );
    fs::create_dir(host.path("checks")).unwrap();
    host.write("resource.cfg", &format!("$USER1$={}\n", unpacked("usr/lib/nagios/plugins").display()));
    host.write(
        "hosts.cfg",
        &format!(
            "define hostgroup {{\n hostgroup_name thinspect\n}}\n\
             define host {{\n use generic-host\n host_name here\n address {address}\n hostgroups thinspect\n\
             max_check_attempts 1\n contacts nagiosadmin\n}}\n"
        ),
    );
}

/// A field of the only service in Nagios' status file.
fn nagios_status(host: &Host, field: &str) -> Option<String> {
    let status = host.read("status");
    let service = status.split_once("\nservicestatus {")?.1;
    let line = service.lines().find_map(|l| l.trim().strip_prefix(field)?.strip_prefix('='))?;
    Some(line.to_owned())
}

#[test]
#[ignore = "needs Nagios and NRPE: scripts/setup fleet"]
fn nagios_loads_the_definition_and_runs_the_check_by_nrpe() {
    let host = Host::new();
    // The port is NRPE's default; the address is unique to this test.
    let process = std::process::id();
    let address = format!("127.66.{}.{}", process / 250 % 250, process % 250 + 1);
    configure_nrpe(&host, &address);
    configure_nagios(&host, &address);
    let nagios = |options: &[&str]| {
        let mut command = program("usr/sbin/nagios4");
        command.args(options).arg(host.path("nagios.cfg"));
        command
    };
    let verified = succeeds(&mut nagios(&["-v"]));
    assert!(verified.contains("Checked 1 services.") && verified.contains("Total Errors:   0"), "{verified}");
    let mut nrpe = program("usr/sbin/nrpe");
    let _nrpe = run(nrpe.arg("-f").arg("-c").arg(host.path("nrpe.cfg")), &host.path("nrpe.out"));
    let said = || host.read("nrpe.log").contains("Listening for connections").then_some(());
    wait_for("NRPE", 20, &host.path("nrpe.out"), said);
    let log = host.path("nagios.log");
    let _nagios = run(&mut nagios(&[]), &host.path("nagios.out"));
    let text =
        wait_for("a result", 20, &log, || nagios_status(&host, "plugin_output").filter(|t| !t.is_empty()));
    let (asked, expected, numbers) = host.asked();
    // Nagios replaces semicolons, which separate fields in its files, by colons.
    assert_eq!(text, expected.replace(';', ":"), "{asked}");
    assert_eq!(nagios_status(&host, "current_state").as_deref(), Some("2"));
    assert_eq!(nagios_status(&host, "performance_data"), Some(numbers));
}
