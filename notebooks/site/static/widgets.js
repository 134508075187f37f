// Once the page is there, its widgets: their state, from a file beside the page, and the scripts that show them.
const load = (path) =>
  new Promise((loaded, failed) => {
    const script = document.createElement("script");
    Object.assign(script, { src: document.documentElement.dataset.content_root + path, onload: loaded, onerror: failed });
    document.head.append(script);
  });

const showWidgets = async () => {
  if (window.MathJax) MathJax.Hub = { Queue() {} }; // the widgets know MathJax 2; their labels hold no equations
  await load(`${DOCUMENTATION_OPTIONS.pagename}.widgets.js`);
  await load("_static/widgets/require.js");
  await load("_static/widgets/embed-amd.js");
  window.widgetPictures = window.widgetPictures.map((source) => Object.assign(new Image(), { src: source })); // now, not at a move
};

if (document.querySelector('script[type="application/vnd.jupyter.widget-view+json"]'))
  window.addEventListener("load", showWidgets);
