//! The page in a real browser, fed by hand: accessible in every dress, calm in a storm, and deaf to markup in names.

#[path = "../../../tests/it/browser.rs"]
mod browser;

use std::path::{Path, PathBuf};

use super::*;
use crate::api::access::tests::settings;
use crate::api::tests::{Place, place_with};
use browser::Browser;

/// Longest wait for anything on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a name must not do.
const MARKUP: &str = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";

/// A page of the wall; its profile goes with it.
struct Page {
    // Ended before its profile is removed: fields go in their order.
    browser: Browser,
    _profile: Profile,
}

/// A folder, removed at the end.
struct Profile(PathBuf);

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Page {
    fn open(place: &Place, query: &str, token: &str, board: Value) -> Page {
        show(place, board);
        let dir = std::env::temp_dir().join(format!("turno-page-{:x}", crate::shell::entropy::draw()));
        let profile = Profile(dir);
        let mut browser = Browser::open(&profile.0, "about:blank");
        let size = json!({"width": 1920, "height": 1080, "deviceScaleFactor": 1, "mobile": false});
        browser.ask("Emulation.setDeviceMetricsOverride", size);
        let url = format!("http://127.0.0.1:{}/wall/{query}#token={token}", place.http.port());
        browser.ask("Page.navigate", json!({"url": url}));
        let mut page = Page { browser, _profile: profile };
        page.until("document.body?.dataset.feed === 'live' && document.querySelector('#queues tbody tr') !== null");
        page
    }

    fn value(&mut self, expression: &str) -> Value {
        self.browser.value(expression)
    }

    fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.value(expression) != json!(true) {
            assert!(begun.elapsed() < PATIENCE, "{expression}: {}", self.value("document.body?.innerText ?? ''"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn press(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let text = if key == "Enter" && kind == "keyDown" { "\r" } else { "" };
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.browser.ask("Input.dispatchKeyEvent", event);
        }
    }

    /// What axe-core finds against WCAG 2.2 AA: rule and elements.
    fn violations(&mut self) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/web/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{} cannot be read ({error}); scripts/tools installs it", path.display()));
        self.value(&format!("{axe};'there'"));
        let rules = "['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa']";
        self.value(&format!(
            "window.found = undefined; axe.run(document, {{runOnly: {rules}, resultTypes: ['violations']}})\
             .then((r) => {{ window.found = r.violations.map((v) => [v.id, ...v.nodes.map((n) => n.html)]) }}, \
             (e) => {{ window.found = String(e) }}); 'begun'"
        ));
        self.until("window.found !== undefined");
        self.value("window.found")
    }
}

fn show(place: &Place, board: Value) {
    let at_ms = crate::shell::clock::wall().0 / 1000;
    place.shots.send_replace(Shot { board: Arc::new(board), at_ms });
}

/// A board with everything that it can show, on which `waiting` wait.
fn board(waiting: u64, name: &str) -> Value {
    let now = crate::shell::clock::wall().0 / 1000;
    let queue = |order: u32, level: &str, longest: Value| {
        json!({"order": order, "shown": format!("{name} {order}"), "then": if order == 0 { json!(name) } else { Value::Null },
            "waiting": 4 - order, "callbacks": order, "expected_ms": 90_000, "longest_since": longest,
            "longest_level": level, "pct": 61 + order * 9, "target_pct": 80, "threshold_s": 20, "service_level": level,
            "abandoned_pm": 89, "abandoned_level": level, "free": order, "agents": 7})
    };
    let queues = json!({
        "averias": queue(0, "alert", json!(now - 134_000)),
        "facturacion": queue(1, "watch", json!(now - 37_000)),
        "soporte": queue(2, "ok", json!(now - 6000)),
        "ventas": queue(3, "ok", Value::Null),
        "general": queue(4, "ok", Value::Null),
    });
    let states =
        ["ready", "offered", "ringing", "talking", "holding", "consulting", "wrap-up", "paused", "outbound", "task"];
    let people: serde_json::Map<String, Value> = (0..24_usize)
        .map(|n| {
            let state = states[n % states.len()];
            let reason = if state == "paused" { json!(if n == 7 { name } else { "coffee" }) } else { Value::Null };
            let id = if n == 0 { "anna".to_owned() } else { format!("a{n}") };
            let person = json!({"order": n, "shown": format!("{name} {n}"), "state": state, "reason": reason,
                "since": now - 60_000, "long": n % 5 == 4});
            (id, person)
        })
        .collect();
    json!({
        "site": {"title": name, "place": name},
        "notice": {"skill": name},
        "waiting": {"now": waiting, "peak": 14, "spark": [1, 3, 2, 5, 7], "level": "watch"},
        "longest": {"since": now - 134_000, "queue": name, "target_s": 60, "level": "alert"},
        "service": {"pct": 78, "target_pct": 80, "threshold_s": 20, "level": "watch"},
        "agents": {"of": 24, "by": {"ready": 2, "talking": 13, "ringing": 1, "holding": 1, "wrap-up": 4, "paused": 3}},
        "queues": queues,
        "people": people,
        "totals": {"entered": 412, "answered": 388, "abandoned": 17, "abandoned_pm": 41, "wait_mean_ms": 21_000,
            "handle_mean_ms": 246_000, "callbacks_due": 4},
    })
}

#[test]
fn the_page_is_accessible_in_every_language_and_theme_and_fits_a_screen() {
    let place = place_with(settings());
    for (lang, theme) in [("es", "dark"), ("es", "light"), ("en", "dark"), ("en", "light")] {
        let mut page =
            Page::open(&place, &format!("?lang={lang}&theme={theme}"), "the-supervisor", board(7, "Averías"));
        assert_eq!(page.violations(), json!([]), "{lang} {theme}");
        let fits = "document.documentElement.scrollWidth <= 1920 && document.documentElement.scrollHeight <= 1080 && \
                    [...document.querySelectorAll('.tile, .panel, footer')].every((n) => n.scrollWidth <= n.clientWidth + 1 \
                    && n.scrollHeight <= n.clientHeight + 1)";
        assert_eq!(page.value(fits), json!(true), "{lang} {theme}");
        if let Ok(dir) = std::env::var("TURNO_SHOTS") {
            let shot = page.browser.ask("Page.captureScreenshot", json!({"format": "png"}));
            std::fs::write(format!("{dir}/wall-{lang}-{theme}.b64"), shot["data"].as_str().unwrap()).unwrap();
        }
        page.value("document.querySelector('#people button').click()");
        page.until("document.querySelector('#why li') !== null");
        assert_eq!(page.violations(), json!([]), "{lang} {theme}, explaining");
    }
}

#[test]
fn why_somebody_gets_nothing_opens_by_mouse_and_keys_and_gives_the_focus_back() {
    let place = place_with(settings());
    let mut page = Page::open(&place, "?lang=en", "the-supervisor", board(7, "Repairs"));
    page.value("document.querySelector('#people [data-id=anna]').click()");
    page.until("document.querySelector('#why li')?.textContent === 'anna is logged-out'");
    page.press("Escape", 27);
    page.until("!document.getElementById('why').open && document.activeElement.dataset.id === 'anna'");
    page.value("document.querySelector('#queues [data-id=averias]').focus()");
    show(&place, board(8, "Repairs"));
    page.until("document.querySelector('#waiting .big').textContent === '8'");
    assert_eq!(page.value("document.activeElement.dataset.id"), json!("averias"), "drawn anew, the focus stays");
    page.press("Enter", 13);
    page.until("document.querySelector('#why h2')?.textContent === 'Repairs 0'");
    page.value("window.row = document.querySelector('#queues [data-id=averias]'); 'kept'");
    page.until("!window.row.isConnected");
    page.value("document.querySelector('#why header button').click()");
    page.until("!document.getElementById('why').open && document.activeElement.dataset.id === 'averias'");
}

#[test]
fn a_kiosks_token_shows_the_board_and_nothing_else() {
    let place = place_with(settings());
    let mut page = Page::open(&place, "?lang=en", "the-board", board(7, "Repairs"));
    assert_eq!(page.value("document.querySelector('#waiting .big').textContent"), json!("7"));
    assert_eq!(
        page.value("performance.getEntriesByType('resource').some((e) => e.name.includes('the-board'))"),
        json!(false),
        "in no address"
    );
    page.value("document.querySelector('#people [data-id=anna]').click()");
    page.until("document.querySelector('#why p')?.textContent === 'a token of scope board may not do this'");
}

#[test]
fn markup_in_names_is_text() {
    let place = place_with(settings());
    let mut page = Page::open(&place, "?lang=en", "the-supervisor", board(7, MARKUP));
    let shown =
        |page: &mut Page, selector: &str| page.value(&format!("document.querySelector('{selector}').textContent"));
    assert_eq!(shown(&mut page, "#title"), json!(MARKUP));
    assert_eq!(shown(&mut page, "#queues [data-id=averias]"), json!(format!("{MARKUP} 0")));
    assert_eq!(shown(&mut page, "#people [data-id=anna] b"), json!(format!("{MARKUP} 0")));
    page.value("document.querySelector('#queues [data-id=averias]').click()");
    page.until("document.querySelector('#why h2')?.textContent.startsWith('<img')");
    assert_eq!(page.value("document.querySelectorAll('img, body script').length"), json!(0));
    // What would run if it got in all the same: the policy of the page is in the way.
    // The board is drawn anew each second: the picture is kept by name.
    page.value(
        "document.getElementById('place').innerHTML = '<img src=x onerror=\"window.hacked=1\">'; \
         window.picture = document.querySelector('#place img'); 'put'",
    );
    page.value("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hacked=1'})); 'put'");
    page.until("window.picture.complete");
    assert_eq!(page.value("window.hacked === undefined"), json!(true));
}

/// What the engine says of calls and agents comes from outside as well: each part of an answer that a dialog shows.
#[test]
fn markup_in_what_is_explained_is_text() {
    let place = place_with(settings());
    let mut page = Page::open(&place, "?lang=en", "the-supervisor", board(7, "Repairs"));
    let waits = json!({"queues": [{"expected_ms": 1000, "waiting": [
        {"kind": "call", "call": MARKUP, "segment": MARKUP, "waited_ms": 1000, "expected_ms": null, "ani": MARKUP}]}]});
    let told = json!({"explained": {"words": [format!("first; {MARKUP}")]}});
    page.value(&format!(
        "window.fetch = async (path) => ({{ok: !path.includes('agents'), json: async () => path.includes('explain') ? \
         path.includes('agents') ? {{error: {markup}}} : {told} : {waits}}}); 'put'",
        markup = json!(MARKUP)
    ));
    let is_shown =
        |selector: &str, text: &str| format!("document.querySelector('{selector}')?.textContent === {}", json!(text));
    page.value("document.querySelector('#queues [data-id=averias]').click()");
    page.until(&is_shown("#why tbody td:nth-child(2)", MARKUP));
    page.value("document.querySelector('#why tbody button').click()");
    page.until(&is_shown("#why li:nth-child(2)", MARKUP));
    page.until(&is_shown("#why h2", &format!("Call {MARKUP}")));
    page.value("document.querySelector('#why header button').click()");
    page.value("document.querySelector('#people [data-id=anna]').click()");
    page.until(&is_shown("#why p", MARKUP));
    assert_eq!(page.value("document.querySelectorAll('img, body script').length"), json!(0));
    assert_eq!(page.value("window.hacked === undefined"), json!(true));
}

#[test]
fn a_skill_that_nobody_free_has_is_told_and_a_board_without_news_says_so_for_everybody() {
    let mut place = place_with(settings());
    let pages = [("en", "light"), ("es", "dark")];
    let mut pages = pages.map(|(lang, theme)| {
        Page::open(&place, &format!("?lang={lang}&theme={theme}"), "the-board", board(7, "Repairs"))
    });
    for (page, sentence) in pages
        .iter_mut()
        .zip(["No free agent has the “Repairs” skill", "Ningún agente libre con la habilidad «Repairs»"])
    {
        page.until(&format!(
            "!document.getElementById('notice').hidden && \
                             document.getElementById('notice').textContent === {}",
            json!(sentence)
        ));
    }
    let mut calm = board(7, "Repairs");
    calm["notice"] = Value::Null;
    show(&place, calm);
    for page in &mut pages {
        page.until("document.getElementById('notice').hidden");
    }
    show(&place, board(7, "Repairs"));
    for page in &mut pages {
        page.until("!document.getElementById('notice').hidden");
    }
    place.fall_silent();
    for (page, begins) in pages.iter_mut().zip(["No data for ", "Sin datos desde hace "]) {
        page.until("document.body.dataset.feed === 'stale'");
        page.until(&format!("document.getElementById('feed').textContent.startsWith({})", json!(begins)));
        assert_eq!(page.violations(), json!([]), "{begins}");
    }
}

#[test]
fn a_storm_of_updates_leaves_the_page_live_and_right() {
    const MANY: u64 = 2000;
    const A_SECOND: u64 = 200;
    let place = place_with(settings());
    let mut page = Page::open(&place, "?lang=en", "the-board", board(0, "Repairs"));
    let begun = Instant::now();
    let mut looked = 0;
    for n in 1..=MANY {
        show(&place, board(n, &format!("Repairs {n}")));
        // The pace of the storm, which the page has no part in.
        std::thread::sleep((Duration::from_millis(n * 1000 / A_SECOND)).saturating_sub(begun.elapsed()));
        if n.is_multiple_of(A_SECOND) {
            assert_eq!(page.value("document.body.dataset.feed"), json!("live"), "after {n}");
            looked += 1;
        }
    }
    assert_eq!(looked, MANY / A_SECOND);
    page.until(&format!("document.querySelector('#waiting .big').textContent === '{MANY}'"));
    page.until("document.body.dataset.seq === document.body.dataset.applied");
    let seq: u64 = page.value("document.body.dataset.seq").as_str().unwrap().parse().unwrap();
    println!("{seq} patches for {MANY} boards");
    assert!((10..=MANY).contains(&seq), "{seq}");
    assert_eq!(page.value("document.querySelector('#title').textContent"), json!(format!("Repairs {MANY}")));
}
