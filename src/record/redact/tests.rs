//! Every notation of settings, with secrets in it and without.

use super::*;
use serde_json::Value;

fn kept(text: &str) -> String {
    settings("/etc/docker/daemon.json", text).text
}

fn words_of(text: &str) -> String {
    settings("/etc/sysconfig/docker", text).text
}

#[test]
fn json_stays_json_of_the_same_shape() {
    let text = r#"{"userland-proxy": false, "storage-opts": ["dm.min_free_space=5%"], "authorization-plugins": [],
 "proxies": {}, "http-proxy": "http://a:b@c:1/", "auths":{"r.example":{"auth":"c2VjcmV0"}}, "access": null,
 "token-ttl": 3, "proxy": {"x": "sec}ret", "y": ["z", true, 1.50]}, "data-root" : "/data", "passw": "" }
"#;
    let redacted = kept(text);
    let (old, new): (Value, Value) =
        (serde_json::from_str(text).unwrap(), serde_json::from_str(&redacted).unwrap());
    fn same_shape(old: &Value, new: &Value) -> bool {
        match (old, new) {
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same_shape(v, w)))
            }
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(v, w)| same_shape(v, w))
            }
            (Value::String(_), Value::String(_)) => true,
            _ => old == new,
        }
    }
    assert!(same_shape(&old, &new), "{redacted}");
    for secret in ["a:b", "c2VjcmV0", "sec}ret", "\"z\""] {
        assert!(!redacted.contains(secret), "{secret}: {redacted}");
    }
    let want = text.replace("http://a:b@c:1/", REDACTED).replace("c2VjcmV0", REDACTED);
    assert_eq!(redacted, want.replace("sec}ret", REDACTED).replace("\"z\"", "\"<redacted>\""));
}

#[test]
fn secrets_in_json_under_other_names() {
    let text = r#"{"registry-mirrors": ["https:\/\/user:word@mirror"], "exec-opts": ["x.token=abc", "native.cgroupdriver=systemd"],
 "runtimes": {"r": {"runtimeArgs": ["--auth-token", "abc", "--debug", "abd"]}}, "to\u006ben": "abc",
 "https://user:word@key": 1}"#;
    let redacted = kept(text);
    let value: Value = serde_json::from_str(&redacted).unwrap();
    assert!(!redacted.contains("word") && !redacted.contains("abc"), "{redacted}");
    assert_eq!(value["registry-mirrors"][0], "https://<redacted>@mirror");
    assert_eq!(value["exec-opts"][0], "x.token=<redacted>");
    assert_eq!(value["runtimes"]["r"]["runtimeArgs"][1], REDACTED);
    for untouched in ["native.cgroupdriver=systemd", "--debug", "abd"] {
        assert!(redacted.contains(untouched), "{redacted}");
    }
}

#[test]
fn spans_lead_from_one_text_to_the_other() {
    let text = "{\r\n \"http-proxy\": \"http://\u{e9}:b@c\",\r\n \"tokens\": [\"a\", \"\\u0062\"]\r\n}";
    let redacted = settings("daemon.json", text);
    let (mut from, mut to, mut rebuilt) = (0_usize, 0_usize, String::new());
    for hidden in &redacted.hidden {
        let at = |n: u64| usize::try_from(n).unwrap();
        let plain = at(hidden.offset) - from;
        assert_eq!(redacted.text.get(to..to + plain), text.get(from..from + plain));
        rebuilt.push_str(redacted.text.get(to..to + plain).unwrap());
        rebuilt.push_str(text.get(at(hidden.offset)..at(hidden.offset + hidden.bytes)).unwrap());
        from = at(hidden.offset + hidden.bytes);
        to += plain + at(hidden.shown);
    }
    assert_eq!(rebuilt + redacted.text.get(to..).unwrap(), text);
    assert!(!redacted.text.contains('\r') && !redacted.text.contains("b@c"));
}

#[test]
fn broken_json_never_leaks() {
    for text in [
        "{\"token\": \"abc",
        "{\"token\": [\"abc\"",
        "{\"token\"\n: \"abc\", }",
        "{\"token\" \"abc\"}",
        "{\"token: \"abc\"}",
        "{\"to\\u006ben\": \"abc\",}",
        "{\"proxies\": {\n \"x\": \"}\",\n \"y\": \"abc\"\n},}",
        "{\"args\": [\"--token\", \"abc\"],}",
        "{\"x\": \"http://abc@h\",}",
        "// daemon\n{\"token\": \"abc\"}",
        "{\"tokens\": {\"a\": 1}, \"x\": {\"key\": \"abc\"},}",
    ] {
        let redacted = kept(text);
        assert!(!redacted.contains("abc") && redacted.contains(REDACTED), "{text} -> {redacted}");
    }
}

#[test]
fn broken_json_keeps_what_is_no_secret() {
    let text = "{\n \"userland-proxy\": false,\n \"token\": \"abc\",\n \"storage-opts\": [\"dm.fs=xfs\"\n}\n";
    assert_eq!(kept(text), text.replace("abc", REDACTED));
}

#[test]
fn other_notations_keep_their_switches() {
    for text in ["userland-proxy: false", "authorization-plugins: []", "proxies: {}", "auth = true", "token"]
    {
        assert_eq!(words_of(text), text);
    }
    for text in ["token = abc", "token: abc", "'TOKEN' = 'abc'", "proxies: {a: abc}", "auth = [\"abc\"]"] {
        let redacted = words_of(text);
        assert!(!redacted.contains("abc") && redacted.contains(REDACTED), "{text} -> {redacted}");
    }
    assert_eq!(words_of("[x.auth]\nroot_path = \"/a\""), "[x.auth]\nroot_path = \"/a\"");
}

#[test]
fn shell_and_unit_notation() {
    let text = "OPTIONS='--log-opt splunk-token=abc -g /data'\nEnvironment=\"HTTPS_PROXY=http://u:p@h\" \"A=1\"\n\
         Environment=DOCKER_OPTS=--storage-opt=dm.fs=xfs MYSQL=word \\\n  'B=two words'\nExecStart=/usr/bin/dockerd -H fd://";
    let want = "OPTIONS='--log-opt splunk-token=<redacted> -g /data'\n\
                Environment=\"HTTPS_PROXY=<redacted>\" \"A=<redacted>\"\n\
                Environment=DOCKER_OPTS=--storage-opt=dm.fs=xfs MYSQL=<redacted> \\\n  'B=<redacted>'\n\
                ExecStart=/usr/bin/dockerd -H fd://";
    assert_eq!(words_of(text), want);
}

#[test]
fn program_arguments() {
    let line = "7\tdockerd\t-g\t/data\t--token\tabc\t--log-opt\tsplunk-token=a=b\t--mirror=https://u:p@h/x@y";
    let want = "7\tdockerd\t-g\t/data\t--token\t<redacted>\t--log-opt\tsplunk-token=<redacted>\t\
                --mirror=https://<redacted>@h/x@y";
    assert_eq!(arguments(line), want);
    assert_eq!(arguments("1\t--no-proxy\t--debug"), "1\t--no-proxy\t--debug");
    assert_eq!(arguments("1\tdockerd\t--userland-proxy=false"), "1\tdockerd\t--userland-proxy=<redacted>");
}

#[test]
fn comments_of_lvm_conf() {
    assert_eq!(uncommented("# a\n\n\tb = 1 # c\n\t# d\n}\n"), "\tb = 1 # c\n}\n");
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_json_stays_json(keys in prop::collection::vec("[a-z\"\\\\{\\[:,]{0,6}|token", 0..5), values in prop::collection::vec("\\PC{0,8}", 5)) {
            let member = |(k, v): (&String, &String)| (k.clone(), serde_json::json!([v, {"auth": v, "x": [v, 1]}, false]));
            let object: serde_json::Map<_, _> = keys.iter().zip(&values).map(member).collect();
            for text in [Value::Object(object.clone()).to_string(), serde_json::to_string_pretty(&object).unwrap()] {
                prop_assert!(serde_json::from_str::<Value>(&kept(&text)).is_ok(), "{text}");
            }
        }
    }
}
