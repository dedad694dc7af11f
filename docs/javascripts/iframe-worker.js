// Opened from disk, a page may start no worker, which the search needs: its script runs in a hidden frame.
// MkDocs Material would load such a replacement from the network; a file of this name keeps it from that.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      frame.contentDocument.open(); // or Firefox would put another empty page there later
      frame.contentDocument.close();
      const load = (address) =>
        new Promise((resolve) => {
          const script = frame.contentDocument.createElement("script");
          script.src = address;
          script.onload = resolve;
          frame.contentDocument.documentElement.append(script);
        });
      this.inside = frame.contentWindow;
      this.inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.inside.importScripts = (...addresses) =>
        addresses.reduce((before, address) => before.then(() => load(address)), Promise.resolve());
      this.ready = load(url);
    }

    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }
  };
}
