// Makes the resident's page live. Everything here also works without it, by forms.
"use strict";
(() => {
  const page = document.documentElement;
  const body = document.body;
  const log = document.getElementById("log");
  const field = document.getElementById("text");
  const status = document.getElementById("status");
  const fresh = document.getElementById("new");
  const fine = window.matchMedia("(pointer: fine)");
  if (!log || !window.EventSource || !window.fetch) return;
  page.classList.add("js");

  const atEnd = () => page.scrollHeight - window.scrollY - window.innerHeight < 120;
  const toEnd = () => {
    window.scrollTo({ top: page.scrollHeight, behavior: "instant" });
    fresh.hidden = true;
  };
  const say = (words) => {
    if (status.textContent !== words) status.textContent = words;
  };

  // What comes in
  const add = (html) => {
    const stay = !atEnd();
    document.querySelectorAll(".empty").forEach((one) => one.remove());
    log.insertAdjacentHTML("beforeend", html);
    const row = log.lastElementChild;
    row.querySelectorAll(".ladder").forEach((ladder) => {
      document.querySelectorAll(".ladder").forEach((old) => {
        if (old !== ladder && old.dataset.about === ladder.dataset.about) old.remove();
      });
    });
    if (stay && !row.classList.contains("mine")) fresh.hidden = false;
    else toEnd();
  };

  // A question that is answered keeps its words and loses its buttons.
  const keepOpen = (open) => {
    document.querySelectorAll(".choices button").forEach((button) => {
      if (open.includes(button.dataset.of)) {
        button.disabled = false;
        return;
      }
      const line = document.createElement("p");
      line.className = "choice";
      line.textContent = button.firstElementChild.textContent + ". " + button.lastElementChild.textContent;
      const held = button === document.activeElement && fine.matches;
      if ("inline" in button.dataset) button.remove();
      else button.replaceWith(line);
      if (held) field.focus();
    });
  };

  const address = new URL(body.dataset.live, window.location.href);
  let lost;
  const listen = () => {
    const source = new EventSource(address);
    source.addEventListener("standing", (event) => keepOpen(JSON.parse(event.data)));
    source.addEventListener("duty", (event) => {
      const line = document.querySelector(".duty");
      const now = JSON.parse(event.data);
      if (line.innerHTML.trim() !== now) line.innerHTML = now;
    });
    source.addEventListener("open", () => {
      clearTimeout(lost);
      lost = undefined;
      if (status.textContent === body.dataset.lost) say("");
    });
    source.addEventListener("row", (event) => {
      address.searchParams.set("at", event.lastEventId);
      add(JSON.parse(event.data));
    });
    source.onerror = () => {
      lost = lost || setTimeout(() => say(body.dataset.lost), 4000);
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
    };
  };
  listen();

  // What goes out
  let count = 0;
  let busy = false;
  const send = async (form, submitter) => {
    const fields = new URLSearchParams(new FormData(form));
    if (submitter && submitter.name) fields.set(submitter.name, submitter.value);
    const words = fields.get("text");
    if (words !== null && !words.trim()) return;
    if (busy) return;
    busy = true;
    // A repeat after a failure carries the same id, so that it cannot arrive twice.
    fields.set("id", fields.get("id") + "." + count);
    // Not form.id: the form has a field of that name.
    const writing = form === field.form;
    if (submitter) submitter.disabled = true;
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: fields, headers: { Accept: "application/json" },
      });
      if (!answer.ok) {
        const problem = await answer.json().catch(() => ({}));
        throw new Error(problem.error || body.dataset.unsent);
      }
      count += 1;
      say("");
      if (writing && field.value === words) field.value = "";
    } catch (error) {
      say(error instanceof TypeError ? body.dataset.unsent : error.message);
      if (submitter && submitter.name) submitter.disabled = false;
    }
    if (submitter && !submitter.name) submitter.disabled = false;
    busy = false;
    if (writing) field.focus();
  };
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target, event.submitter);
  });
  // Enter sends at a keyboard; never while a word is still being composed.
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    if (!fine.matches) return;
    event.preventDefault();
    send(field.form, field.form.querySelector(".main"));
  });

  fresh.addEventListener("click", (event) => {
    event.preventDefault();
    toEnd();
  });
  window.addEventListener("scroll", () => {
    if (atEnd()) fresh.hidden = true;
  }, { passive: true });
  toEnd();
})();
