import { useState } from 'react';
import type { Book } from './api';
import { Dialog, ReadOnlyNote } from './Dialog';
import { explain } from './explain';

interface Props {
  book: Book;
  readOnly: boolean;
  onDelete: (book: Book) => Promise<void>;
  onClose: () => void;
}

export function DeleteDialog({ book, readOnly, onDelete, onClose }: Props) {
  const [failure, setFailure] = useState('');
  const [deleting, setDeleting] = useState(false);

  async function confirm() {
    if (deleting || readOnly) return;
    setDeleting(true);
    setFailure('');
    try {
      await onDelete(book);
    } catch (error) {
      setDeleting(false);
      setFailure(explain(error));
    }
  }

  return (
    <Dialog title={`Delete “${book.title}”?`} onClose={onClose}>
      <p>This cannot be undone.</p>
      <div role="alert">
        {readOnly && <ReadOnlyNote />}
        {!readOnly && failure && <p className="problem">{failure}</p>}
      </div>
      <div className="actions">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="danger solid" onClick={() => void confirm()} aria-disabled={deleting || readOnly}>
          {deleting ? 'Deleting…' : 'Delete'}
        </button>
      </div>
    </Dialog>
  );
}
