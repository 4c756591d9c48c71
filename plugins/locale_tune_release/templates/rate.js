"use strict";
(function () {
  const form = document.getElementById("rate");
  const out = document.getElementById("out");
  let saved = true;

  function answers() {
    return Array.from(form.querySelectorAll("fieldset[data-item]")).map(function (set) {
      const chosen = set.querySelector("input:checked");
      return {
        item: set.dataset.item,
        choice: chosen ? chosen.value : "",
        comment: set.querySelector("textarea").value
      };
    });
  }

  function save() {
    const given = answers().filter(function (one) { return one.choice; });
    const text = JSON.stringify({
      format: form.dataset.format,
      page: form.dataset.page,
      rater: document.getElementById("name").value,
      answers: given
    }, null, 1);
    document.getElementById("text").value = text;
    document.getElementById("left").textContent = String(answers().length - given.length);
    out.hidden = false;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "answers-" + form.dataset.number + ".json";
    document.body.appendChild(link);
    link.click();
    link.remove();
    saved = true;
    out.scrollIntoView();
  }

  form.addEventListener("submit", function (event) { event.preventDefault(); save(); });
  form.addEventListener("input", function () { saved = false; });
  window.addEventListener("beforeunload", function (event) { if (!saved) { event.preventDefault(); } });
  document.getElementById("save").hidden = false;
})();
