package queue

import (
	"context"

	"bellhop"
)

// eachPage is how many dead letters DropEach lists at once, without their bodies.
const eachPage = 200

// DropEach is [DeadLetters.DropFunc] for drivers that find a dead letter by its id.
func DropEach(ctx context.Context, q DeadLetters, shop string, del func(DeadEvent) (bool, error)) (n int, err error) {
	for after := (Cursor{}); ; {
		page, err := q.DeadLetters(ctx, after, eachPage)
		if err != nil || len(page) == 0 {
			return n, err
		}
		for i := range page {
			after = page[i].Cursor()
			if page[i].Event.Shop != shop {
				continue
			}
			dropped, err := dropOne(ctx, q, page[i].Event.ID, del)
			n += dropped
			if err != nil {
				return n, err
			}
		}
	}
}

func dropOne(ctx context.Context, q DeadLetters, id bellhop.EventID, del func(DeadEvent) (bool, error)) (int, error) {
	d, err := q.DeadLetter(ctx, id)
	if bellhop.KindOf(err) == bellhop.NotFound { // somebody replayed or dropped it
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if ok, err := del(d); !ok || err != nil {
		return 0, err
	}
	n, err := q.Drop(ctx, id)
	if bellhop.KindOf(err) == bellhop.NotFound {
		err = nil
	}
	return n, err
}

// TooManyDead is the error of a DropFunc that could not go through all dead letters.
func TooManyDead(most int) error {
	return bellhop.Errorf(bellhop.Conflict, "dead_letters_many",
		"there are more than %d dead letters, which can't all be looked through: replay or drop some first", most)
}
