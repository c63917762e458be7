//! Values that only one node may have.

use wnm_core::{Action, Node, Ports};
use wnm_store::{CycleKind, Store, StoreError, UniqueValue};

use crate::fixtures::{add, decision, folder, id, node, observation};

#[test]
fn numbers_ports_and_uuids_are_unique() {
    let (_folder, path) = folder();
    let mut store = Store::create(&path).unwrap();
    add(&mut store, node(1)).unwrap();
    let conflict = |error: StoreError| match error {
        StoreError::NotUnique { value, owner } => (value, owner),
        other => panic!("{other}"),
    };
    let ports = |node, metrics, rpc| Ports { node, metrics: Some(metrics), rpc: Some(rpc) };
    for (new, value) in [
        (node(1), UniqueValue::Number(id(1))),
        (Node { uuid: "uuid-1".into(), ..node(2) }, UniqueValue::Uuid("uuid-1".into())),
        // All uses share one space of ports.
        (Node { ports: ports(13001, 2, 3), ..node(2) }, UniqueValue::Port(13001)),
        (Node { ports: ports(1, 2, 55001), ..node(2) }, UniqueValue::Port(55001)),
    ] {
        let planned = decision([Action::Add { node: new.id }]);
        let error =
            store.begin(CycleKind::Scheduled, &observation(1, []), &planned, std::slice::from_ref(&new)).unwrap_err();
        assert_eq!(conflict(error), (value, id(1)));
    }
    let twice = Node { ports: ports(1, 2, 1), ..node(2) };
    assert_eq!(conflict(add(&mut store, twice).unwrap_err()), (UniqueValue::Port(1), id(2)));
    assert!(store.last_cycle().unwrap().is_none(), "all or nothing");

    add(&mut store, node(2)).unwrap();
    add(&mut store, Node { ports: ports(13004, 5, 6), ..node(3) }).unwrap();
    assert!(store.check().unwrap().is_empty());
}
