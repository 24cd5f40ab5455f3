//! How usage is shown: the table keeps to its width, the JSON to its schema.

use crate::world::{blocks, owners};
use thinspect::report::Look;
use thinspect::report::usage::{By, output, schema, text};
use thinspect::usage::join;

#[test]
fn the_table() {
    let (mut owners, blocks) = (owners(), blocks());
    owners.containers[0].name = Some("a".repeat(200));
    let usage = join(&blocks.usage(), &owners, &blocks, 100);
    let name = Some("docker-8:1-2-pool");
    for by in [By::Device, By::Image, By::Container] {
        let shown = text(name, &usage, &owners, by, &Look::default());
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    }
    let shown = text(name, &usage, &owners, By::Image, &Look::default());
    let expected = "  pool: docker-8:1-2-pool
  used: 30.3 MiB of 6.1 GiB (484 of 100000 blocks of 64.0 KiB)
          17.2 MiB in one device only
          12.9 MiB shared by several
         192.0 KiB in no device

     FREES     SHARED     MAPPED              IMAGE
   4.4 MiB    7.5 MiB   11.9 MiB  ##########  old:1
 640.0 KiB    7.5 MiB    8.1 MiB  ##          <none> 777777777777
       0 B   12.5 MiB   12.5 MiB              app:1 (2 containers)
       0 B   10.6 MiB   10.6 MiB              web:1 (1 container)
  note: devices without a record (leaked): 1, with id 14
  note: records without a device: 1, with id 13
";
    assert_eq!(shown, expected);
}

#[test]
fn the_schema_holds() {
    let (owners, blocks) = (owners(), blocks());
    let validator = jsonschema::validator_for(schema().as_value()).unwrap();
    for walks in [0, 100] {
        let usage = join(&blocks.usage(), &owners, &blocks, walks);
        let value = serde_json::to_value(output(Some("pool"), &usage, &owners)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}", errors.join("; "));
        assert_eq!(value["schema"], "thinspect-usage/1");
        assert_eq!(value["devices"][0]["owners"], serde_json::json!([]));
        assert_eq!(value["containers"][0]["reclaimable_blocks"].is_null(), walks == 0);
    }
}
