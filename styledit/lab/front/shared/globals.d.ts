/** What setTimeout gives, before and after it is set. */
type Timer = ReturnType<typeof setTimeout> | undefined;
