import { useState } from 'react';
import type { Book } from './api';

const price = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' });

export function BookCard({ book, onEdit, onDelete }: { book: Book; onEdit: () => void; onDelete: () => void }) {
  return (
    <li className="card">
      <Cover key={book.cover} book={book} />
      <div className="text">
        <h2>{book.title}</h2>
        {book.desc && <p className="desc">{book.desc}</p>}
        <p className="price">{price.format(book.price)}</p>
        <div className="actions">
          <button type="button" onClick={onEdit} aria-label={`Edit “${book.title}”`}>
            Edit
          </button>
          <button type="button" className="danger" onClick={onDelete} aria-label={`Delete “${book.title}”`}>
            Delete
          </button>
        </div>
      </div>
    </li>
  );
}

/** The picture, or a drawn cover where there is none or it cannot be had. */
function Cover({ book }: { book: Book }) {
  const [failed, setFailed] = useState(false);
  if (book.cover && !failed) {
    return <img className="cover" src={book.cover} alt="" loading="lazy" referrerPolicy="no-referrer" onError={() => setFailed(true)} />;
  }
  return (
    <div className="cover drawn" data-hue={book.id % 6} aria-hidden="true">
      <span>{book.title}</span>
    </div>
  );
}
