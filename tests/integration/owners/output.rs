//! Output of usage: the table keeps to its width, the JSON to its schema.

use super::fixture::{blocks, owners};
use thinspect::host::model::units::DataBlocks;
use thinspect::report::TextStyle;
use thinspect::report::usage::{By, Column, Table, output, schema, text, without_text};
use thinspect::usage::{join, without};

#[test]
fn the_table() {
    let (mut owners, blocks) = (owners(), blocks());
    owners.containers[0].name = Some("a".repeat(200));
    let usage = join(&blocks.usage(), &owners, &blocks, 100);
    let name = Some("docker-8:1-2-pool");
    for by in [By::Device, By::Image, By::Container] {
        let shown = text(name, &usage, &owners, &Table { by, ..Table::default() }, &TextStyle::default());
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    }
    let now = "2024-02-03T00:00:00Z".parse().ok();
    let table = Table { by: By::Image, now, ..Table::default() };
    let shown = text(name, &usage, &owners, &table, &TextStyle::default());
    let expected = "  pool: docker-8:1-2-pool
  used: 30.3 MiB of 6.1 GiB (484 of 100000 blocks of 64.0 KiB)
          17.2 MiB in one device only
          12.9 MiB shared by several
         192.0 KiB in no device

     FREES     SHARED     MAPPED                 AGE  IMAGE
   4.4 MiB    7.5 MiB   11.9 MiB  ##########  1128 d  old:1
 640.0 KiB    7.5 MiB    8.1 MiB  ##           398 d  <none> 777777777777
       0 B   12.5 MiB   12.5 MiB               763 d  app:1 (2 containers)
       0 B   10.6 MiB   10.6 MiB                33 d  web:1 (1 container)
  note: devices without a record (leaked): 1, with id 14
  note: records without a device: 1, with id 13
";
    assert_eq!(shown, expected);
}

#[test]
fn columns_and_order() {
    let (owners, blocks) = (owners(), blocks());
    let usage = join(&blocks.usage(), &owners, &blocks, 100);
    let columns = vec![Column::Name, Column::State, Column::Frees, Column::Id];
    let table = Table { by: By::Container, columns, sort: Some(Column::Name), now: None };
    let shown = text(None, &usage, &owners, &table, &TextStyle::default());
    let rows: Vec<&str> = shown.lines().skip(5).take(4).collect();
    assert_eq!(
        rows,
        [
            "CONTAINER                STATE           FREES ID",
            "gone                     exited      448.0 KiB 222222222222",
            "late                     exited        2.6 MiB 333333333333",
            "run                      running       3.3 MiB 111111111111",
        ]
    );
    let table = Table { by: By::Image, sort: Some(Column::Mapped), ..Table::default() };
    let shown = text(None, &usage, &owners, &table, &TextStyle::default());
    let names: Vec<&str> =
        shown.lines().skip(6).take(4).filter_map(|line| line.split("?  ").nth(1)).collect();
    assert_eq!(names, ["app:1 (2 containers)", "old:1", "web:1 (1 container)", "<none> 777777777777"]);
}

/// Shared blocks are freed only if all their owners are removed.
#[test]
fn what_a_set_gives_back() {
    let (owners, blocks) = (owners(), blocks());
    let usage = join(&blocks.usage(), &owners, &blocks, 100);
    let set = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        without(&names, &owners, &blocks.ids(), &blocks)
    };
    let found = set(&["app:1", "gone", "3333"]).unwrap();
    assert_eq!((found.reclaimable, found.refused.len()), (Some(DataBlocks(7 + 42 + 30)), 0));
    assert_eq!(
        without_text(&found, &usage, &TextStyle::default()),
        " frees: 4.9 MiB (79 blocks) come back if app:1, gone, 3333 are removed together\n"
    );
    let found = set(&["app:2", "gone"]).unwrap();
    assert_eq!(
        (found.reclaimable, &found.refused[..]),
        (Some(DataBlocks(7)), &["app:2: the container late stands on it".to_owned()][..])
    );
    assert_eq!(set(&["nothing"]), Err("no container or image is called nothing".to_owned()));
    assert!(set(&["222"]).is_err(), "three digits may be anything");
}

#[test]
fn the_schema_holds() {
    let (owners, blocks) = (owners(), blocks());
    let validator = jsonschema::validator_for(schema().as_value()).unwrap();
    for walks in [0, 100] {
        let usage = join(&blocks.usage(), &owners, &blocks, walks);
        let value = serde_json::to_value(output(Some("pool"), &usage, &owners, None)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}", errors.join("; "));
        assert_eq!(value["schema"], "thinspect-usage/1");
        assert_eq!(value["devices"][0]["owners"], serde_json::json!([]));
        assert_eq!(value["containers"][0]["reclaimable_blocks"].is_null(), walks == 0);
    }
}
