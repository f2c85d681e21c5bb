//! A headless Chromium that a test drives by the DevTools protocol over two pipes: what it draws, and how it lays out.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// Names of the program: Debian's, that of other distributions, and that of the vendor.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The one font of the test, wherever it runs: letters of another one are not where the golden pictures have them.
const FONT: &str = "DejaVuSans.ttf";
/// Folders that distributions have it in: Debian, Fedora and Arch.
const FONT_FOLDERS: [&str; 3] =
    ["/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/dejavu-sans-fonts", "/usr/share/fonts/TTF"];

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub name: &'static str,
    /// Width of the window, CSS pixels.
    pub width: u32,
    /// `screen` or `print`.
    pub media: &'static str,
    pub scheme: &'static str,
}

pub(crate) struct Browser {
    process: Child,
    requests: Option<ChildStdin>,
    responses: BufReader<ChildStdout>,
    session: Value,
    number: u64,
    home: TempDir,
}

impl Browser {
    /// Starts one. `Err` in the result is what the machine lacks.
    pub(crate) fn start() -> Result<Result<Browser, &'static str>> {
        let Some(program) = find_program() else {
            return Ok(Err("no chromium in PATH: install Debian's package chromium"));
        };
        let Some(folder) = FONT_FOLDERS.into_iter().find(|folder| Path::new(folder).join(FONT).exists())
        else {
            return Ok(Err("no font DejaVu Sans: install Debian's package fonts-dejavu-core"));
        };
        let home = tempfile::tempdir()?;
        let fonts = home.path().join("fonts.conf");
        fs::write(&fonts, font_config(folder))?;
        // It reads requests from descriptor 3 and sends responses on 4. It ends when they are closed, or with the test.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "sh", "-c"]);
        command.arg(r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#).arg(&program);
        command.args([
            "--headless",
            "--remote-debugging-pipe",
            // Root cannot have Chromium's sandbox, and containers seldom; the pages are our own.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            "--font-render-hinting=none",
            "--disable-lcd-text",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--host-resolver-rules=MAP * ~NOTFOUND",
        ]);
        command.arg(format!("--user-data-dir={}", home.path().join("profile").display()));
        command.env("FONTCONFIG_FILE", &fonts).env("HOME", home.path()).current_dir(home.path());
        let said = File::create(home.path().join("stderr"))?;
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(said).spawn()?;
        let requests = process.stdin.take();
        let responses = BufReader::new(process.stdout.take().context("no pipe")?);
        let mut browser = Browser { process, requests, responses, session: Value::Null, number: 0, home };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.call("Target.attachToTarget", &attach)?["sessionId"].clone();
        Ok(Ok(browser))
    }

    /// Opens a file as a view has it.
    pub(crate) fn open(&mut self, page: &Path, view: &View) -> Result<()> {
        // A phone shows what does not say that it fits as if the window were wider; only HTML can say so.
        let mobile = view.width < 500 && page.extension().is_some_and(|extension| extension == "html");
        let metrics = json!({"width": view.width, "height": 1045, "deviceScaleFactor": 1, "mobile": mobile});
        self.call("Emulation.setDeviceMetricsOverride", &metrics)?;
        let scheme = json!([{"name": "prefers-color-scheme", "value": view.scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"media": view.media, "features": scheme}))?;
        let went = self.call("Page.navigate", &json!({"url": format!("file://{}", page.display())}))?;
        ensure!(went.get("errorText").is_none(), "{}: {went}", page.display());
        self.evaluate("new Promise((done) => document.readyState === 'complete' ? done(0) : addEventListener('load', () => done(0)))")?;
        Ok(())
    }

    /// Runs a script in the page, and returns what it comes to.
    pub(crate) fn evaluate(&mut self, script: &str) -> Result<Value> {
        let asked = json!({"expression": script, "returnByValue": true, "awaitPromise": true});
        let response = self.call("Runtime.evaluate", &asked)?;
        ensure!(response.get("exceptionDetails").is_none(), "{response}");
        Ok(response["result"]["value"].clone())
    }

    /// Draws a part of the page, as PNG.
    pub(crate) fn draw(&mut self, width: f64, height: f64) -> Result<Vec<u8>> {
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let asked = json!({"format": "png", "clip": clip, "captureBeyondViewport": true});
        self.data("Page.captureScreenshot", &asked)
    }

    /// Prints the page on A4, as PDF.
    pub(crate) fn print(&mut self) -> Result<Vec<u8>> {
        self.call("Emulation.setEmulatedMedia", &json!({"media": ""}))?;
        self.data(
            "Page.printToPDF",
            &json!({"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": false}),
        )
    }

    fn data(&mut self, method: &str, asked: &Value) -> Result<Vec<u8>> {
        let response = self.call(method, asked)?;
        let text = response["data"].as_str().with_context(|| format!("{method}: no data"))?;
        Ok(base64::engine::general_purpose::STANDARD.decode(text)?)
    }

    fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.number += 1;
        let mut request = json!({"id": self.number, "method": method, "params": params});
        if self.session.is_string() {
            request["sessionId"] = self.session.clone();
        }
        let pipe = self.requests.as_mut().context("the browser is closed")?;
        let sent = pipe.write_all(format!("{request}\0").as_bytes());
        sent.with_context(|| format!("cannot send {method}: {}", self.said()))?;
        loop {
            let response = self.read()?;
            if response["id"] == self.number {
                ensure!(response.get("error").is_none(), "{method}: {}", response["error"]);
                return Ok(response["result"].clone());
            }
        }
    }

    /// Reads the next response or event.
    fn read(&mut self) -> Result<Value> {
        let mut message = Vec::new();
        self.responses.read_until(0, &mut message)?;
        let Some((0, message)) = message.split_last() else {
            bail!("the browser has ended: {}", self.said())
        };
        Ok(serde_json::from_slice(message)?)
    }

    fn said(&self) -> String {
        fs::read_to_string(self.home.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends by itself when its pipe is closed, and its helpers with it; then its home can be removed.
        self.requests = None;
        let _ = self.process.wait();
    }
}

/// Configures the library that finds fonts, fontconfig, so that it finds one.
fn font_config(folder: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig><dir>{folder}</dir>\
         <cachedir prefix=\"cwd\">fonts</cachedir><match target=\"pattern\">\
         <edit name=\"family\" mode=\"assign\" binding=\"strong\"><string>DejaVu Sans</string></edit></match></fontconfig>"
    )
}

fn find_program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}
