// Before the first paint: parts for browsers that run our modules, and for those that do not.
if ("noModule" in HTMLScriptElement.prototype) document.documentElement.classList.add("js");
