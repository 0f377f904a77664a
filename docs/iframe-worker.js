// The search runs in a worker, and browsers start none for a page that is read from a folder. There it runs in a hidden
// frame instead. The theme's own stand-in would be fetched from the network.
if (location.protocol === "file:") {
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(address) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.document.open();
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", {data}));
      inside.importScripts = (...addresses) => addresses.reduce((before, each) => before.then(() => load(inside, each)), Promise.resolve());
      inside.document.write("<!doctype html><title>search</title>");
      inside.document.close();
      this.send = (data) => inside.dispatchEvent(new inside.MessageEvent("message", {data}));
      load(inside, new URL(address, location.href).href).then(() => {
        for (const data of this.waiting) this.send(data);
        this.waiting = null;
      });
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.send(data);
    }

    terminate() {}
  };

  function load(inside, address) {
    return new Promise((done, failed) => {
      const script = inside.document.createElement("script");
      script.src = address;
      script.onload = done;
      script.onerror = failed;
      inside.document.head.append(script);
    });
  }
}
