import { useLayoutEffect, useRef, type ReactNode } from 'react';

/** A modal dialog. The browser keeps focus inside it, and gives it back afterwards. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  // A layout effect, to close before the element is removed: only then does focus go back.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (!element) return;
    element.showModal();
    return () => element.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

/** Why saving cannot work at the moment. */
export function ReadOnlyNote() {
  return (
    <p className="note">
      The system is read-only for now, so this cannot be done yet. You can leave this open: the button works again as soon as the
      system does.
    </p>
  );
}
