// When to do what many events ask for.

/** Once it has been quiet for a moment: for what somebody types. */
export function calm(work, signal, wait = 250) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => signal.aborted || work(), wait);
  };
}

/** Soon, and once for all that ask meanwhile: for what comes without a pause. */
export function soon(work, signal, wait = 300) {
  let timer = 0;
  return () => {
    timer ||= setTimeout(() => {
      timer = 0;
      if (!signal.aborted) work();
    }, wait);
  };
}

/** Again and again while the view is open and visible, never two at a time. */
export function every(wait, work, signal) {
  let timer = 0;
  const turn = async () => {
    if (signal.aborted) return;
    if (!document.hidden) await work();
    timer = setTimeout(turn, wait);
  };
  turn();
  signal.addEventListener("abort", () => clearTimeout(timer));
}
