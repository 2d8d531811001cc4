import { useEffect, useRef, useState, type FormEvent } from 'react';
import { ApiError, type Book, type BookData, type Draft } from './api';
import { Dialog, ReadOnlyNote } from './Dialog';
import { explain } from './explain';

type Field = keyof BookData;
type Problems = Partial<Record<Field, string>>;

interface Props {
  book?: Book; // none: a new one
  readOnly: boolean;
  onSave: (draft: Draft) => Promise<void>;
  onClose: () => void;
}

const LABELS: Record<Field, string> = { title: 'Title', desc: 'Description', price: 'Price', cover: 'Cover' };
const HINTS: Partial<Record<Field, string>> = {
  desc: 'Optional.',
  price: 'In US dollars, for example 9.99',
  cover: 'Web address of a picture. Optional.',
};

export function BookForm({ book, readOnly, onSave, onClose }: Props) {
  const [draft, setDraft] = useState<Draft>({
    title: book?.title ?? '',
    desc: book?.desc ?? '',
    price: book ? book.price.toFixed(2) : '',
    cover: book?.cover ?? '',
  });
  const [problems, setProblems] = useState<Problems>({});
  const [failure, setFailure] = useState('');
  const [saving, setSaving] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  useEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [problems]);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (saving || readOnly) return;
    setSaving(true);
    setFailure('');
    setProblems({});
    try {
      await onSave(draft);
    } catch (error) {
      setSaving(false);
      if (error instanceof ApiError && error.code === 'invalid') setProblems(error.fields);
      else setFailure(explain(error));
    }
  }

  const field = (name: Field) => {
    const hint = HINTS[name];
    const problem = problems[name];
    const common = {
      id: name,
      name,
      value: draft[name],
      onChange: (event: { target: { value: string } }) => setDraft({ ...draft, [name]: event.target.value }),
      'aria-invalid': problem ? true : undefined,
      'aria-describedby': [problem && `${name}-problem`, hint && `${name}-hint`].filter(Boolean).join(' ') || undefined,
    };
    return (
      <div className="field">
        <label htmlFor={name}>{LABELS[name]}</label>
        {name === 'desc' ? (
          <textarea rows={4} maxLength={2000} {...common} />
        ) : (
          <input
            autoComplete="off"
            inputMode={name === 'price' ? 'decimal' : name === 'cover' ? 'url' : undefined}
            maxLength={name === 'title' ? 255 : name === 'cover' ? 1024 : undefined}
            aria-required={name === 'title' || name === 'price' || undefined}
            {...common}
          />
        )}
        {problem && (
          <p className="problem" id={`${name}-problem`}>
            {LABELS[name]} {problem}.
          </p>
        )}
        {hint && (
          <p className="hint" id={`${name}-hint`}>
            {hint}
          </p>
        )}
      </div>
    );
  };

  return (
    <Dialog title={book ? `Edit “${book.title}”` : 'Add a book'} onClose={onClose}>
      <form ref={form} onSubmit={submit} noValidate>
        {field('title')}
        {field('desc')}
        {field('price')}
        {field('cover')}
        <div role="alert">
          {readOnly && <ReadOnlyNote />}
          {!readOnly && failure && <p className="problem">{failure}</p>}
        </div>
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" aria-disabled={saving || readOnly}>
            {saving ? 'Saving…' : 'Save'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
